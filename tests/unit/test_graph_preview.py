"""Property values as the engine writes them, and previews as graphs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pulumi_openstack
import pytest

from socle.graph import SECRET, UNKNOWN, values
from socle.graph.preview import previewed
from socle.graph.terraform import TYPES

STACK_URN = "urn:pulumi:demo::socle::pulumi:pulumi:Stack::socle-demo"


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:demo::socle::{kind}::{name}"


def step(op: str, kind: str, name: str, inputs: dict[str, Any] | None, parent: str = STACK_URN) -> SimpleNamespace:
    new = SimpleNamespace(inputs=inputs, parent=parent, protect=None) if inputs is not None else None
    return SimpleNamespace(op=SimpleNamespace(value=op), urn=urn(kind, name), type=kind, new=new)


def test_a_preview_becomes_a_graph() -> None:
    tier = urn("socle:tier:Tier", "demo-edge-tier")
    steps = [
        step("create", "pulumi:pulumi:Stack", "socle-demo", {}),
        step("create", "socle:tier:Tier", "demo-edge-tier", {}),
        step(
            "create",
            "openstack:networking/port:Port",
            "demo-edge-1-port",
            {
                "networkId": values.UNKNOWN_TEXT,
                "fixedIps": [{"__defaults": [], "ipAddress": "10.0.0.10"}],
                "portSecurityEnabled": True,
                "__defaults": ["x"],
                "adminPass": "[secret]",
                "description": None,
            },
            tier,
        ),
        step("delete", "openstack:networking/port:Port", "gone", None),
    ]
    graph = previewed(steps)
    assert [one.name for one in graph] == ["demo-edge-1-port", "demo-edge-tier"]
    port = graph.named("demo-edge-1-port")
    assert port is not None
    assert port.parent == "demo-edge-tier"
    assert port.inputs == {
        "network_id": UNKNOWN,
        "fixed_ips": [{"ip_address": "10.0.0.10"}],
        "port_security_enabled": True,
        "admin_pass": SECRET,
    }


def test_a_resource_replaced_is_there_once() -> None:
    kind = "openstack:compute/instance:Instance"
    graph = previewed(
        [step("create-replacement", kind, "n", {"name": "new"}), step("replace", kind, "n", {"name": "new"})]
    )
    assert [one.get("name") for one in graph] == ["new"]


def test_a_secret_object_is_hidden_whatever_it_holds() -> None:
    wrapped = {values.SIGNATURE: values.SECRET_SIGNATURE, "value": {"a": "hunter2"}}
    assert values.inputs({"metadata": wrapped}) == {"metadata": SECRET}


def test_keys_of_metadata_are_the_user_s() -> None:
    assert values.inputs({"metadata": {"camelCase": "x"}}) == {"metadata": {"camelCase": "x"}}


@pytest.mark.parametrize("token", TYPES)
def test_names_are_the_sdk_s_own(token: str) -> None:
    _package, module, name = token.split(":")
    resource = getattr(getattr(pulumi_openstack, module.partition("/")[0]), name)
    found = 0
    for python, member in vars(resource).items():
        wire = getattr(getattr(member, "fget", None), "_pulumi_name", None)
        if wire:
            assert values.snake(wire) == python
            found += 1
    assert found > 1
