"""The recorder, with small programs; also the canary for what it uses of the SDK."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pulumi
import pytest
from pulumi import Output, ResourceOptions
from pulumi_openstack import compute, networking

from socle.errors import EngineError
from socle.graph import SECRET, UNKNOWN, Graph, Ref
from socle.graph.model import FLOATING_IP, INSTANCE, NETWORK, SECURITY_GROUP_RULE
from socle.graph.recorder import record

HERE = Path(__file__).parent


def recorded(program: object, **config: str) -> Graph:
    return record(program, "trial", config, HERE)  # type: ignore[arg-type]


def test_an_output_becomes_a_reference() -> None:
    def program() -> None:
        network = networking.Network("net", name="net")
        networking.Subnet("sub", network_id=network.id, cidr="10.0.0.0/24")

    subnet = recorded(program).named("sub")
    assert subnet is not None
    assert subnet.get("network_id") == Ref("net", "id")


def test_text_around_an_output_is_that_output_s_reference() -> None:
    def program() -> None:
        address = networking.FloatingIp("public", pool="ext")
        networking.SecGroupRule(
            "rule",
            security_group_id="g",
            direction="egress",
            ethertype="IPv4",
            remote_ip_prefix=Output.concat(address.address, "/32"),
        )

    graph = recorded(program)
    (rule,) = graph.of(SECURITY_GROUP_RULE)
    assert rule.get("remote_ip_prefix") == Ref("public", "address")
    assert graph.follow(rule.get("remote_ip_prefix")) is graph.named("public")
    assert graph.of(FLOATING_IP)


def test_text_around_two_outputs_is_unknown() -> None:
    def program() -> None:
        one, two = networking.Network("one"), networking.Network("two")
        networking.Network("three", description=Output.concat(one.id, two.id))

    assert recorded(program).named("three").get("description") is UNKNOWN  # type: ignore[union-attr]


def test_secrets_are_never_kept() -> None:
    def program() -> None:
        compute.Instance("node", admin_pass="hunter2-not-kept", metadata={"k": Output.secret("hunter3-not-kept")})

    (node,) = recorded(program).of(INSTANCE)
    assert node.get("admin_pass") is SECRET
    assert node.get("metadata") is SECRET or node.get("metadata")["k"] is SECRET
    assert "hunter" not in repr(node)


def test_a_question_to_the_cloud_is_answered_by_unknown() -> None:
    def program() -> None:
        found = networking.get_network_output(name="ext")
        networking.Router("router", external_network_id=found.id)

    assert recorded(program).named("router").get("external_network_id") is UNKNOWN  # type: ignore[union-attr]


def test_components_are_parents() -> None:
    class Part(pulumi.ComponentResource):
        def __init__(self) -> None:
            super().__init__("socle:trial:Part", "part")
            networking.Network("inner", opts=ResourceOptions(parent=self, protect=True))
            self.register_outputs({})

    def program() -> None:
        Part()

    graph = recorded(program)
    assert [(one.name, one.parent, one.protect) for one in graph] == [("inner", "part", True), ("part", "", False)]


def test_the_program_s_line_is_noted() -> None:
    def program() -> None:
        networking.Network("net")

    where = recorded(program).of(NETWORK)[0].where
    assert where is not None
    assert where.file == f"{HERE.name}/{Path(__file__).name}"
    assert "networking.Network" in Path(__file__).read_text().splitlines()[where.line - 1]


def test_one_name_twice_is_refused() -> None:
    def program() -> None:
        networking.Network("net")
        networking.SecGroup("net")

    with pytest.raises(EngineError, match="net"):
        recorded(program)


def test_what_the_program_raises_comes_through() -> None:
    def program() -> None:
        raise ZeroDivisionError("in the program")

    with pytest.raises(ZeroDivisionError):
        recorded(program)


def test_it_runs_inside_a_running_event_loop() -> None:
    async def inside() -> Graph:
        return recorded(lambda: networking.Network("net"))

    assert len(asyncio.run(inside())) == 1


def test_configuration_reaches_the_program() -> None:
    seen: list[str] = []
    recorded(lambda: seen.append(pulumi.Config("socle").require("word")), **{"socle:word": "yes"})
    assert seen == ["yes"]


def test_the_automation_api_can_still_be_imported_after_a_capture() -> None:
    """The capture imports pulumi without it; `plan` and `up` need it in the same process."""
    code = (
        "from socle.graph import sdk; sdk.load(); import sys; assert 'pulumi.automation' not in sys.modules;"
        "from pulumi import automation, dynamic; automation.LocalWorkspace; dynamic.ResourceProvider"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
