"""Users reach relays by IPv6 too where the stack has a block of it, and nothing else has an address of that family."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Network, ip_address, ip_network
from pathlib import Path

import pytest

from policies.rules.network import no_ipv6_left_open
from socle.errors import InputError
from socle.graph import Graph, Ref
from socle.graph.model import RECORD_SET, ROUTER_INTERFACE, SECURITY_GROUP_RULE, SUBNET
from socle.policy.outcome import Status
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from socle.topology import Topology, derive
from socle.topology.flows import Place
from tests.conftest import STACKS
from tests.models import files_of, intended, topology_of

WITH = [stack for stack in STACKS if load_stack(stack).stack.network.ipv6]


def test_both_kinds_of_stacks_are_looked_at() -> None:
    assert WITH
    assert "demo" not in WITH


def test_addresses_are_of_the_stack_s_block_and_of_relays_alone(loaded: LoadedStack, topology: Topology) -> None:
    block = loaded.stack.network.ipv6
    own = {node.tier: ip_address(node.address6) for node in topology.nodes if node.address6}
    assert set(own) == ({"turn"} if block else set())
    assert all(isinstance(block, IPv6Network) and address in block for address in own.values())


def test_rules_of_ipv6_are_the_users_flows_to_relays(topology: Topology, graph: Graph) -> None:
    rules = [one for one in graph.of(SECURITY_GROUP_RULE) if one.get("ethertype") == "IPv6"]
    dual = [tier.name for tier in topology.tiers if tier.network.cidr6]
    users = [flow for tier in dual for flow in topology.flows.into(tier) if flow.source == Place.INTERNET]
    assert sorted((r.get("direction"), r.get("protocol"), r.get("port_range_min"), r.get("port_range_max"))
                  for r in rules) == sorted(("ingress", f.protocol, f.first, f.last) for f in users)  # fmt: skip
    assert {one.get("security_group_id") for one in rules} == {Ref(f"{topology.stack}-{tier}-group") for tier in dual}


def test_its_subnet_is_joined_to_the_router_that_leads_outside(topology: Topology, graph: Graph) -> None:
    for network in topology.networks:
        subnets = [one for one in graph.of(SUBNET) if one.get("ip_version") == 6
                   and one.get("network_id") == Ref(network.name)]  # fmt: skip
        assert [one.get("cidr") for one in subnets] == [network.cidr6] * bool(network.cidr6)
        for subnet in subnets:
            assert subnet.get("enable_dhcp") is False
            (joint,) = [one for one in graph.of(ROUTER_INTERFACE) if one.get("subnet_id") == Ref(subnet.name)]
            assert joint.get("router_id") == Ref(f"{topology.stack}-router")


def test_names_have_the_addresses(topology: Topology, graph: Graph) -> None:
    if not graph.of(RECORD_SET):
        return
    found = {one.get("name"): one.get("records") for one in graph.of(RECORD_SET) if one.get("type") == "AAAA"}
    assert found == {f"{name}.": addresses for name, addresses in topology.records6.items()}


@pytest.mark.parametrize("stack", WITH)
def test_what_no_flow_asks_for_is_refused(stack: str) -> None:
    model = intended(stack)
    (good, *_more) = [one for one in model.plan.of(SECURITY_GROUP_RULE) if one.get("ethertype") == "IPv6"]
    (subnet,) = [one for one in model.plan.of(SUBNET) if one.get("ip_version") == 6]
    for one, change in (
        (good, {"port_range_min": 22, "port_range_max": 22}),
        (good, {"direction": "egress"}),
        (good, {"security_group_id": Ref(f"{stack}-media-group")}),
        (subnet, {"cidr": "2001:db8:ff::/64"}),
    ):
        assert no_ipv6_left_open(one, model).status == Status.PASSED
        changed = replace(one, name=f"{one.name}-changed", inputs={**one.inputs, **change})
        assert no_ipv6_left_open(changed, model).status == Status.FAILED, change


@pytest.mark.parametrize("stack", STACKS)
def test_a_node_without_an_address_has_the_family_off(stack: str) -> None:
    for tier in topology_of(stack).tiers:
        files, dual = files_of(stack), bool(tier.network.cidr6)
        assert (
            f"net.ipv6.conf.all.disable_ipv6 = {int(not dual)}\n" in files[tier.name, "/etc/sysctl.d/90-hardening.conf"]
        )
        assert ("nd-neighbor-solicit" in files[tier.name, "/etc/nftables.conf"]) is dual


@pytest.mark.parametrize("stack", STACKS)
def test_coturn_listens_for_both_and_relays_by_ipv4(stack: str) -> None:
    text = files_of(stack)["turn", "/etc/turnserver.conf"]
    listening, relaying = (re.findall(rf"^{key}=(.*)$", text, re.M) for key in ("listening-ip", "relay-ip"))
    assert sorted({ip_address(one).version for one in listening}) == ([4, 6] if stack in WITH else [4])
    assert relaying
    assert all(ip_network(topology_of(stack).cidr).supernet_of(ip_network(one)) for one in relaying)


def test_a_network_of_the_cloud_team_s_is_given_no_subnet(stack_file: Callable[..., Path]) -> None:
    theirs = {"networks": {"turn": {"network": "relais", "subnet": "relais-1", "cidr": "10.20.30.0/24"}}}
    file = stack_file(network={"cidr": "10.90.0.0/19", "ipv6": "2001:db8:90::/56"}, existing=theirs)
    with pytest.raises(InputError) as refused:
        derive(load_stack(str(file)))
    assert (refused.value.code, refused.value.where is not None) == ("SOC-1231", True)
