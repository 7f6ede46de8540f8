"""What must hold for the topology of every stack."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from socle.errors import InputError
from socle.stack.load import LoadedStack
from socle.stack.model import Availability, Environment
from socle.topology import Topology, derive
from socle.topology.flows import Place, PublicOf
from socle.topology.openings import openings
from socle.topology.tiers import TIERS
from tests.conftest import CLOUDS, STACKS
from tests.laws.conftest import placed

AT_ONCE = ("edge", "media", "turn", "application", "recording", "telephony")  # people notice at once


def test_deriving_twice_gives_the_same(loaded: LoadedStack, topology: Topology) -> None:
    assert derive(loaded) == topology


def test_networks_do_not_overlap_and_stay_inside_the_block(topology: Topology) -> None:
    blocks = [ip_network(network.cidr) for network in (*topology.networks, topology.transit.network)]
    assert all(block.subnet_of(ip_network(topology.cidr)) for block in blocks)
    assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[i + 1 :])


def test_every_node_has_a_name_and_an_address_of_its_own(topology: Topology) -> None:
    nodes = topology.nodes
    assert len({n.name for n in nodes}) == len({n.address for n in nodes}) == len(nodes)
    for node in nodes:
        assert node.name == f"{topology.stack}-{node.tier}-{node.zone}-{node.number}"
        assert len(node.name) <= 63
        network = topology.tier(node.tier).network
        assert ip_address(node.address) in ip_network(network.cidr)
        assert node.address != network.gateway


def test_both_ends_of_every_flow_exist(topology: Topology) -> None:
    for flow in topology.flows:
        for end in (flow.source, flow.target):
            name = end.tier if isinstance(end, PublicOf) else end
            assert isinstance(end, Place) or topology.has(str(name)), flow.name
        assert 1 <= flow.first <= flow.last <= 65535 or (flow.protocol, flow.first, flow.last) == ("vrrp", 0, 0)


def test_only_public_tiers_are_reached_from_the_internet(topology: Topology) -> None:
    for flow in topology.flows:
        if flow.source == Place.INTERNET:
            assert topology.tier(str(flow.target)).public
            assert flow.probe is not None, f"{flow.name}: nothing shows that it answers"


def test_administration_enters_by_the_bastion_alone(topology: Topology) -> None:
    doors = [f for f in topology.flows if f.source == Place.ADMINISTRATION]
    assert [f.target for f in doors] == ["bastion"]


def test_an_opening_has_a_key_of_its_own(topology: Topology) -> None:
    for tier in TIERS:
        keys = Counter(opening.key for opening in openings(topology, tier))
        assert not [key for key, count in keys.items() if count > 1], tier


def test_every_opening_between_tiers_is_there_at_both_ends(topology: Topology) -> None:
    every = [o for tier in TIERS for o in openings(topology, tier)]
    leaving = {(o.flow, o.tier, o.remote) for o in every if o.remote_is_tier and o.direction == "egress"}
    arriving = {(o.flow, o.remote, o.tier) for o in every if o.remote_is_tier and o.direction == "ingress"}
    assert leaving == arriving


def test_nobody_but_livekit_reaches_the_bus(topology: Topology) -> None:
    """Administration and metrics apart."""
    sources = {f.source for f in topology.flows.into("bus") if f.source in TIERS}
    assert sources <= {"media", "recording", "telephony", "bus", "bastion", "monitoring"}


def test_only_the_mirror_asks_the_servers_around(topology: Topology) -> None:
    around = {Place.NAMES, Place.TIME, Place.MIRROR, Place.REGISTRY}
    assert {f.source for f in topology.flows if f.target in around} == {"mirror"}


def test_the_loss_of_a_zone_is_survived_or_said(loaded: LoadedStack, topology: Topology) -> None:
    """A node of every tier is left; of what people notice at once, enough for all; of what votes, a majority, or the
    promise is promotion by hand and says so."""
    zones = loaded.stack.availability.zones
    alone = derive(replace(loaded, stack=loaded.stack.model_copy(update={"availability": Availability.SINGLE})))
    for tier in topology.tiers:
        together = Counter(node.zone for node in tier.nodes)
        left = len(tier.nodes) - (max(together.values()) if zones > 1 else 1)
        if tier.promotion is not None:
            assert (2 * left > len(tier.nodes)) == (tier.promotion == "automatic"), tier.name
        if zones > 1:
            assert left >= 1, tier.name
        if zones > 1 and tier.name in AT_ONCE and loaded.stack.environment != Environment.LAB:
            assert left >= len(alone.tier(tier.name).nodes) - 1, tier.name  # one zone has one node more than needed


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_third_zone_makes_promotion_automatic(cloud: str) -> None:
    promised = [topology for topology in (placed(stack, cloud) for stack in STACKS) if isinstance(topology, tuple)]
    assert promised
    for loaded, topology in promised:
        several = loaded.stack.availability.zones > 1
        automatic = {tier.name for tier in topology.tiers if tier.promotion == "automatic" and len(tier.nodes) > 1}
        voting = {tier.name for tier in topology.tiers if tier.promotion is not None and len(tier.nodes) > 1}
        if several:
            assert automatic == (voting if len(loaded.cloud.zones) > 2 else set())


def test_a_refused_cloud_is_an_error_with_a_place() -> None:
    refused = [found for stack in STACKS for cloud in CLOUDS if isinstance(found := placed(stack, cloud), InputError)]
    assert refused, "no cloud refuses any stack: these laws would not see it"
    assert all(error.where for error in refused)


def test_no_two_stacks_of_a_cloud_meet() -> None:
    """Neither in a name nor in a range of addresses, on whichever cloud they all stand."""
    for cloud in CLOUDS:
        found = [
            topology for stack in STACKS if isinstance(pair := placed(stack, cloud), tuple) for topology in pair[1:]
        ]
        names = [node.name for topology in found for node in topology.nodes]
        assert len(names) == len(set(names))
        blocks = [ip_network(topology.cidr) for topology in found]
        blocks += [ip_network(n.cidr6) for topology in found for n in topology.networks if n.cidr6]
        assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[i + 1 :])
        domains = [topology.domain for topology in found]
        assert len(domains) == len(set(domains))
