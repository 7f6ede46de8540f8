"""What must hold for the resources of every stack, as the cloud program registers them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from ipaddress import ip_network

from socle.graph import Graph, Ref, Resource
from socle.graph.capture import _recorded
from socle.graph.model import (
    CONTAINER,
    FLOATING_IP,
    FLOATING_IP_ASSOCIATE,
    INSTANCE,
    NETWORK,
    PORT,
    PROVIDER,
    RECORD_SET,
    ROUTER,
    ROUTER_INTERFACE,
    ROUTER_ROUTE,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SERVER_GROUP,
    SUBNET,
    VOLUME,
    VOLUME_ATTACH,
    ZONE,
)
from socle.graph.store import dumps
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.flows import Place, PublicOf
from socle.topology.openings import Opening, openings
from tests.conftest import ROOT


def every_opening(topology: Topology) -> list[Opening]:
    return [opening for tier in topology.tiers for opening in openings(topology, tier.name)]


def key_of(rule: Resource) -> str:
    return str(rule.get("description")).split()[-1]


def public_owners(topology: Topology, tier: str) -> list[str]:
    fronts = [front.name for front in topology.fronts if front.tier == tier]
    return fronts or [node.name for node in topology.tier(tier).nodes]


def wanted(topology: Topology, opening: Opening) -> list[object]:
    """The remotes of the rules that an opening asks for."""
    if isinstance(opening.remote, PublicOf):
        return [Ref(f"{owner}-public", "address") for owner in public_owners(topology, opening.remote.tier)]
    return [Ref(f"{topology.stack}-{opening.remote}-group") if opening.remote_is_tier else opening.remote]


def test_one_rule_per_opening_and_nothing_else_is_open(topology: Topology, graph: Graph) -> None:
    expected = Counter(
        (
            f"{topology.stack}/{one.tier}/{one.key}",
            Ref(f"{topology.stack}-{one.tier}-group"),
            one.direction,
            one.protocol,
            one.first or None,
            one.last or None,
            remote,
        )
        for one in every_opening(topology)
        for remote in wanted(topology, one)
    )
    found = Counter(
        (
            key_of(rule),
            rule.get("security_group_id"),
            rule.get("direction"),
            rule.get("protocol"),
            rule.get("port_range_min"),
            rule.get("port_range_max"),
            rule.get("remote_group_id") or rule.get("remote_ip_prefix"),
        )
        for rule in graph.of(SECURITY_GROUP_RULE)
    )
    assert found == expected


def test_a_rule_has_one_remote(graph: Graph) -> None:
    for rule in graph.of(SECURITY_GROUP_RULE):
        assert (rule.get("remote_group_id") is None) != (rule.get("remote_ip_prefix") is None), rule.name
        assert rule.get("ethertype") == ("IPv6" if ":" in str(rule.get("remote_ip_prefix")) else "IPv4")


def test_groups_start_empty(topology: Topology, graph: Graph) -> None:
    groups = graph.of(SECURITY_GROUP)
    assert len(groups) == len(topology.tiers)
    assert all(group.get("delete_default_rules") is True for group in groups)


def test_only_flows_from_the_internet_are_open_to_the_world(topology: Topology, graph: Graph) -> None:
    public = {f.name for f in topology.flows if Place.INTERNET in (f.source, f.target)}
    world = {f"{topology.stack}/{one.tier}/{one.key}" for one in every_opening(topology) if one.flow in public}
    for rule in graph.of(SECURITY_GROUP_RULE):
        remote = rule.get("remote_ip_prefix")
        if isinstance(remote, str) and ip_network(remote).prefixlen == 0:
            assert rule.get("direction") == "ingress"
            assert key_of(rule) in world


def test_every_port_has_its_tier_s_group_alone(topology: Topology, graph: Graph) -> None:
    for node in topology.nodes:
        port = graph.named(f"{node.name}-port")
        assert port is not None
        assert port.get("security_group_ids") == [Ref(f"{topology.stack}-{node.tier}-group")]
        assert port.get("port_security_enabled") is True
        assert port.get("network_id") == Ref(topology.tier(node.tier).network.name)
        assert [ip["ip_address"] for ip in port.get("fixed_ips")] == [node.address, *filter(None, [node.address6])]


def test_every_node_has_one_instance_with_one_port(topology: Topology, graph: Graph) -> None:
    assert sorted(one.name for one in graph.of(INSTANCE)) == sorted(node.name for node in topology.nodes)
    shared = [front for front in topology.fronts if front.way == "virtual-address"]
    joints = {f"{topology.stack}-transit-port", *(f"{front.name}-port" for front in shared)}
    assert {one.name for one in graph.of(PORT)} == joints | {f"{node.name}-port" for node in topology.nodes}
    for node in topology.nodes:
        instance = graph.named(node.name)
        assert instance is not None
        assert instance.get("networks") == [{"port": Ref(f"{node.name}-port")}]
        assert instance.get("availability_zone") == node.zone
        assert instance.get("metadata")["socle_stack"] == topology.stack


def test_nodes_of_a_tier_are_kept_apart(topology: Topology, graph: Graph) -> None:
    groups = {group.name: group for group in graph.of(SERVER_GROUP)}
    assert set(groups) == {f"{topology.stack}-{tier.name}-server-group" for tier in topology.tiers}
    assert {group.get("policies") for group in groups.values()} <= {"anti-affinity", "soft-anti-affinity"}
    for node in topology.nodes:
        instance = graph.named(node.name)
        assert instance is not None
        assert instance.get("scheduler_hints") == [{"group": Ref(f"{topology.stack}-{node.tier}-server-group")}]


def test_every_name_begins_with_the_stack_s(topology: Topology, graph: Graph) -> None:
    for resource in graph:
        assert resource.name.startswith(f"{topology.stack}-"), resource.name
        name = resource.get("name")
        public = resource.type in (ZONE, RECORD_SET)  # whose name is the service's
        assert name is None or public or name.startswith(f"{topology.stack}-"), name


def test_every_resource_says_whose_it_is(topology: Topology, graph: Graph) -> None:
    """In a name, a description or metadata; what only joins two others has none of these."""
    mute = {"RouterInterface", "RouterRoute", "FloatingIpAssociate", "VolumeAttach", "Members"}
    for resource in graph:
        if not resource.type.startswith("openstack:") or resource.type.rpartition(":")[2] in mute:
            continue
        named = str(resource.get("name", "")).startswith(f"{topology.stack}-")
        described = f"socle:{topology.stack}" in str(resource.get("description", "")).split()
        assert named or described, resource.name


def test_names_are_unique(graph: Graph) -> None:
    assert max(Counter(one.name for one in graph).values()) == 1


def test_what_lasts_is_protected(graph: Graph) -> None:
    for resource in graph:
        assert resource.protect == (resource.type in (VOLUME, FLOATING_IP, ZONE, CONTAINER)), resource.name


def test_public_addresses_and_volumes_are_where_the_topology_says(topology: Topology, graph: Graph) -> None:
    public = {owner for tier in topology.tiers if tier.public for owner in public_owners(topology, tier.name)}
    fronts = {front.name: front for front in topology.fronts}
    assert {one.name for one in graph.of(FLOATING_IP)} == {f"{name}-public" for name in public}
    for association in graph.of(FLOATING_IP_ASSOCIATE):
        node = association.name.removesuffix("-association")
        assert association.get("floating_ip") == Ref(f"{node}-public", "address")
        balanced = node in fronts and fronts[node].way == "load-balancer"
        assert association.get("port_id") == (
            Ref(f"{node}-balancer", "vip_port_id") if balanced else Ref(f"{node}-port")
        )
        public.remove(node)
    assert not public
    volumes = {node.volume.name: node for node in topology.nodes if node.volume}
    assert {one.name for one in graph.of(VOLUME)} == set(volumes)
    for attachment in graph.of(VOLUME_ATTACH):
        volume = attachment.get("volume_id").target
        assert attachment.get("instance_id") == Ref(volumes[volume].name)


def test_nodes_stay_out_of_the_network_s_own_addresses(topology: Topology, graph: Graph) -> None:
    dual = [tier for tier in topology.tiers if tier.network.cidr6]
    assert len(graph.of(NETWORK)) == len(graph.of(SUBNET)) - len(dual) == len(topology.tiers) + 1
    for tier in topology.tiers:
        subnet = graph.named(f"{tier.network.name}-subnet")
        assert subnet is not None
        (pool,) = subnet.get("allocation_pools")
        taken = {node.address for node in tier.nodes} | {tier.network.gateway}
        taken |= {front.address for front in topology.fronts if front.tier == tier.name}
        last = [int(pool[end].rpartition(".")[2]) for end in ("start", "end")]
        assert not any(last[0] <= int(address.rpartition(".")[2]) <= last[1] for address in taken)


def test_capturing_twice_gives_the_same(loaded: LoadedStack, topology: Topology, graph: Graph) -> None:
    assert _recorded(loaded, topology) == graph


def test_inner_networks_have_no_way_out(topology: Topology, graph: Graph) -> None:
    """Their router knows no network outside, and none of its routes leads beyond the stack."""
    (outer,) = [router for router in graph.of(ROUTER) if router.get("external_network_id") is not None]
    (inner,) = [router for router in graph.of(ROUTER) if router.get("external_network_id") is None]
    for tier in topology.tiers:
        (joint,) = [
            one for one in graph.of(ROUTER_INTERFACE) if one.get("subnet_id") == Ref(f"{tier.network.name}-subnet")
        ]
        assert joint.get("router_id") == Ref(inner.name if tier.network.inner else outer.name)
    block = ip_network(topology.cidr)
    assert all(ip_network(route.get("destination_cidr")).subnet_of(block) for route in graph.of(ROUTER_ROUTE))
    assert not any(topology.tier(tier).network.inner for tier in ("bastion", "mirror", "edge", "media", "turn"))


def test_a_load_balancer_watches_every_node_of_its_tier(topology: Topology, graph: Graph) -> None:
    for front in topology.fronts:
        if front.way == "load-balancer":
            members, monitor = graph.named(f"{front.name}-members"), graph.named(f"{front.name}-monitor")
            assert members is not None
            assert monitor is not None
            assert [one["address"] for one in members.get("members")] == [
                node.address for node in topology.tier(front.tier).nodes
            ]
            assert monitor.get("pool_id") == members.get("pool_id") == Ref(f"{front.name}-pool")


def test_nodes_may_answer_to_the_address_that_they_share_and_to_no_other(topology: Topology, graph: Graph) -> None:
    shared = {front.tier: front.address for front in topology.fronts if front.way == "virtual-address"}
    for node in topology.nodes:
        port = graph.named(f"{node.name}-port")
        assert port is not None
        pairs = [pair["ip_address"] for pair in port.get("allowed_address_pairs") or ()]
        assert pairs == ([shared[node.tier]] if node.tier in shared else [])


def test_nothing_is_made_outside_the_declared_region(loaded: LoadedStack, graph: Graph) -> None:
    (provider,) = graph.of(PROVIDER)
    assert provider.get("region") == loaded.cloud.region
    for resource in graph:
        assert resource.get("region") in (None, loaded.cloud.region), resource.name
        assert resource.get("availability_zone") in (None, *loaded.cloud.zones), resource.name


def test_no_secret_is_in_the_graph(graph: Graph) -> None:
    (provider,) = graph.of(PROVIDER)
    who = ("user_name", "user_id", "password", "token", "application_credential_secret", "application_credential_id")
    assert not any(provider.get(key) for key in who)
    assert all(instance.get("admin_pass") is None for instance in graph.of(INSTANCE))
    text = dumps(graph).lower()
    for word in ("private key", '"password"', "api_secret", "token"):
        assert word not in text, word


def test_user_data_sets_no_password(graph: Graph) -> None:
    for instance in graph.of(INSTANCE):
        head, _newline, body = instance.get("user_data").partition("\n")
        config = json.loads(body)
        assert head == "#cloud-config"
        assert config["disable_root"] is True
        assert config["ssh_pwauth"] is False
        assert [user["lock_passwd"] for user in config["users"]] == [True]
        assert not {"password", "passwd", "plain_text_passwd", "chpasswd"} & {*config, *config["users"][0]}
        assert config["ssh"] == {"emit_keys_to_console": True}


def test_the_program_s_line_is_known_for_every_resource(graph: Graph) -> None:
    for resource in graph:
        assert resource.where is not None, resource.name
        assert resource.where.file.startswith("infra/")


def test_the_same_stack_gives_the_same_plan_byte_for_byte_in_any_process() -> None:
    """In two processes that order sets and texts differently."""
    program = (
        "from socle.graph.capture import _recorded; from socle.graph.store import dumps;"
        "from socle.stack import load_stack; from socle.topology import derive;"
        "loaded = load_stack('twozones'); print(dumps(_recorded(loaded, derive(loaded))))"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "4711")
    }
    assert len(seen) == 1
    assert len(seen.pop()) > 10_000
