"""Addresses that the topology gives are no address that a network gives out itself."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from socle.stack import load_stack
from socle.topology import derive
from socle.topology.derive import FRONT_HOST
from tests.conftest import STACKS


@pytest.mark.parametrize("stack", STACKS)
def test_no_fixed_address_is_in_the_pool_of_a_network_s_own_services(stack: str) -> None:
    """Neutron takes one for its metadata port as soon as there is a subnet, so such a node would come too late."""
    topology = derive(load_stack(stack))
    given = [(tier.network.cidr, node.address) for tier in topology.tiers for node in tier.nodes]
    given += [(topology.tier(front.tier).network.cidr, front.address) for front in topology.fronts]
    given += [(tier.network.cidr6, node.address6) for tier in topology.tiers for node in tier.nodes if node.address6]
    given.append((topology.transit.network.cidr, topology.transit.inner))
    for cidr, address in given:
        block = ip_network(cidr)
        assert ip_address(address) in block
        assert ip_address(address) >= block[FRONT_HOST], (stack, address)
