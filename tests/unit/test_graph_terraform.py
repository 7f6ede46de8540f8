"""The Terraform-shaped plan that other tools read."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from socle.graph import SECRET, UNKNOWN, Graph, Ref, Resource, terraform
from socle.graph.capture import capture
from socle.graph.model import INSTANCE, NETWORK, PORT, PROVIDER, SECURITY_GROUP, SERVER_GROUP
from socle.stack import load_stack
from socle.topology import derive

GRAPH = Graph(
    (
        Resource(PROVIDER, "cloud", inputs={"auth_url": "https://x", "password": SECRET, "cloud": ""}),
        Resource("socle:network:Network", "part"),
        Resource(NETWORK, "net", "part", {"name": "net", "description": UNKNOWN}),
        Resource(SECURITY_GROUP, "group", "", {"name": "group"}),
        Resource(SERVER_GROUP, "apart", "", {"policies": "anti-affinity"}),
        Resource(PORT, "port", "", {"network_id": Ref("net"), "security_group_ids": [Ref("group")]}),
        Resource(INSTANCE, "node", "", {"admin_pass": SECRET, "networks": [{"port": Ref("port")}]}),
    )
)


def by_type(plan: dict[str, Any], part: str, kind: str) -> Any:
    rows = {
        "planned": plan["planned_values"]["root_module"]["resources"],
        "changes": plan["resource_changes"],
        "written": plan["configuration"]["root_module"]["resources"],
    }[part]
    return next(row for row in rows if row["type"] == kind)


def test_a_reference_is_an_expression_and_no_value() -> None:
    plan = terraform.plan(GRAPH)
    port = by_type(plan, "written", "openstack_networking_port_v2")["expressions"]
    group = "openstack_networking_secgroup_v2.group"
    assert port["network_id"]["references"][1] == "openstack_networking_network_v2.part__net"
    assert port["security_group_ids"] == {"references": [f"{group}.id", group]}
    assert by_type(plan, "planned", "openstack_networking_port_v2")["values"] == {}
    node = by_type(plan, "written", "openstack_compute_instance_v2")["expressions"]
    assert node["network"][0]["port"]["references"][1] == "openstack_networking_port_v2.port"


def test_unknowns_and_secrets_are_flagged() -> None:
    plan = terraform.plan(GRAPH)
    network = by_type(plan, "changes", "openstack_networking_network_v2")["change"]
    assert network["after_unknown"]["description"] is True
    node = by_type(plan, "changes", "openstack_compute_instance_v2")["change"]
    assert node["after_sensitive"]["admin_pass"] is True
    assert node["after"]["admin_pass"] == terraform.HIDDEN
    provider = plan["configuration"]["provider_config"]["openstack"]["expressions"]
    assert provider == {"auth_url": {"constant_value": "https://x"}, "password": {"references": ["var.hidden"]}}


def test_text_becomes_a_list_where_terraform_has_one() -> None:
    group = by_type(terraform.plan(GRAPH), "planned", "openstack_compute_servergroup_v2")
    assert group["values"] == {"policies": ["anti-affinity"]}


@pytest.mark.parametrize("stack", ["demo", "cnrs"])
def test_every_resource_of_a_stack_has_an_address_of_its_own(stack: str) -> None:
    loaded = load_stack(stack)
    graph = capture(loaded, derive(loaded))
    plan = terraform.plan(graph)
    addresses = Counter(row["address"] for row in plan["planned_values"]["root_module"]["resources"])
    assert set(addresses.values()) == {1}
    cloud = [one for one in graph if one.type.startswith("openstack:")]
    assert len(addresses) == len(cloud)
    json.dumps(plan)
    targets = json.dumps(plan["configuration"])
    assert "$socle" not in targets
