"""What must hold for the topology of every stack."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from socle.stack import load_stack
from socle.topology import Topology, derive
from socle.topology.flows import Place, PublicOf
from socle.topology.openings import openings
from socle.topology.tiers import TIERS
from tests.conftest import STACKS


@pytest.fixture(params=STACKS)
def topology(request: pytest.FixtureRequest) -> Topology:
    return derive(load_stack(request.param))


def test_deriving_twice_gives_the_same(topology: Topology) -> None:
    assert derive(load_stack(topology.stack)) == topology


def test_networks_do_not_overlap_and_stay_inside_the_block(topology: Topology) -> None:
    blocks = [ip_network(network.cidr) for network in topology.networks]
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
            assert isinstance(end, Place) or name in TIERS, flow.name
        assert 1 <= flow.first <= flow.last <= 65535


def test_only_public_tiers_are_reached_from_the_internet(topology: Topology) -> None:
    for flow in topology.flows:
        if flow.source == Place.INTERNET:
            assert topology.tier(str(flow.target)).public
            assert flow.probe is not None, f"{flow.name}: nothing shows that it answers"


def test_administration_enters_by_the_bastion_alone(topology: Topology) -> None:
    doors = [f for f in topology.flows if f.source == Place.ADMINISTRATION]
    assert [f.target for f in doors] == ["bastion"]


@pytest.mark.parametrize("tier", TIERS)
def test_an_opening_has_a_key_of_its_own(topology: Topology, tier: str) -> None:
    keys = [opening.key for opening in openings(topology, tier)]
    assert len(keys) == len(set(keys))


def test_every_opening_between_tiers_is_there_at_both_ends(topology: Topology) -> None:
    every = [o for tier in TIERS for o in openings(topology, tier)]
    leaving = {(o.flow, o.tier, o.remote) for o in every if o.remote_is_tier and o.direction == "egress"}
    arriving = {(o.flow, o.remote, o.tier) for o in every if o.remote_is_tier and o.direction == "ingress"}
    assert leaving == arriving


def test_nobody_but_media_reaches_the_bus(topology: Topology) -> None:
    into_bus = {(f.name, f.source) for f in topology.flows.into("bus") if f.source in TIERS}
    assert into_bus == {("media-bus", "media"), ("ssh", "bastion")}
