"""A stack among what a ministry's cloud team owns: a network, addresses, a zone. It uses them and gives them back.

Cloud part only: the edge, whose address the team gave, stands on the team's network.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from socle.engine import access
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.conftest import LEFT_OUT, Deployment, write_stack

if TYPE_CHECKING:
    from openstack.connection import Connection

pytestmark = pytest.mark.lab

NAME, TEAM, ZONE, BLOCK = "owned", "cloud-team", "owned.example", "10.107.1.0/24"


class Team:
    """The cloud team, with the project's own means. `addresses`: what it gives to the edge and to the relay."""

    def __init__(self, cloud: Connection, external: str) -> None:
        self.cloud = cloud
        network = cloud.network
        self.remove()
        outside = network.find_network(external, ignore_missing=False)
        self.network = network.create_network(name=TEAM)
        subnet = network.create_subnet(network_id=self.network.id, name=f"{TEAM}-v4", ip_version=4, cidr=BLOCK)
        router = network.create_router(name=TEAM, external_gateway_info={"network_id": outside.id})
        network.add_interface_to_router(router, subnet=subnet.id)
        made = [network.create_ip(floating_network_id=outside.id, description=TEAM) for _ in range(2)]
        self.addresses = [one.floating_ip_address for one in made]
        cloud.dns.create_zone(name=f"{ZONE}.", email=f"team@{ZONE}", type="PRIMARY", description=TEAM)

    def uses(self) -> dict[str, str | None]:
        """Address -> what it leads to."""
        found = self.cloud.network.ips(description=TEAM)
        return {one.floating_ip_address: one.fixed_ip_address for one in found}

    def records(self) -> dict[str, list[str]]:
        zone = self.cloud.dns.find_zone(f"{ZONE}.", ignore_missing=False)
        return {one.name: one.records for one in self.cloud.dns.recordsets(zone) if one.type == "A"}

    def ports(self) -> list[str]:
        """On its network, but for those of Neutron itself."""
        found = self.cloud.network.ports(network_id=self.network.id)
        return [one.name for one in found if not (one.device_owner or "").startswith("network:")]

    def remove(self) -> None:
        network = self.cloud.network
        for address in network.ips(description=TEAM):
            network.delete_ip(address)
        for zone in self.cloud.dns.zones(name=f"{ZONE}."):
            self.cloud.dns.delete_zone(zone)
        for router in network.routers(name=TEAM):
            for subnet in network.subnets(name=f"{TEAM}-v4"):
                network.remove_interface_from_router(router, subnet=subnet.id)
            network.delete_router(router)
        for one in network.networks(name=TEAM):
            network.delete_network(one)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    folder = tmp_path_factory.mktemp(NAME)
    one = {"nodes": 1, "reason": "The team gave one address for the relay"}
    write_stack(folder, NAME, "10.106.0.0/19", overrides={**LEFT_OUT, "turn": one})
    return Deployment(NAME, folder)


@pytest.fixture(scope="module")
def team(stack: Deployment) -> Iterator[Team]:
    loaded = load_stack(str(stack.file))
    stack.socle("down", NAME, "--name", NAME, timeout=900)  # what a test run that was killed left behind
    team = Team(access.connect(loaded), loaded.cloud.external_network.name)
    edge, relay = team.addresses
    own = {
        "networks": {"edge": {"network": TEAM, "subnet": f"{TEAM}-v4", "cidr": BLOCK}},
        "addresses": {"edge": [edge], "turn": [relay]},
        "zone": ZONE,
    }
    text = stack.file.read_text().replace(f"visio.{NAME}.example", f"visio.{ZONE}")
    stack.file.write_text(f"{text}existing: {json.dumps(own)}\n")
    yield team
    stack.socle("down", NAME, "--name", NAME, timeout=900)
    team.remove()


@pytest.mark.parametrize(
    ("written", "instead", "code"),
    [
        (f"{TEAM}-v4", "nosuch", "SOC-4225"),
        (BLOCK, "10.107.1.0/25", "SOC-4227"),
        ("{edge}", "198.51.100.2", "SOC-4225"),
    ],
)
def test_what_is_not_as_written_is_an_error_with_its_place(
    stack: Deployment, team: Team, written: str, instead: str, code: str
) -> None:
    before = stack.file.read_text()
    stack.file.write_text(before.replace(written.format(edge=team.addresses[0]), instead))
    try:
        refused = stack.socle("plan", NAME, check=False)
    finally:
        stack.file.write_text(before)
    assert refused.returncode == 4, refused.stderr
    line = next(number for number, text in enumerate(before.splitlines(), 1) if text.startswith("existing"))
    assert re.search(rf"{NAME}\.yaml:{line}:\d+: {code}: ", refused.stderr), refused.stderr


def test_it_is_used(stack: Deployment, team: Team) -> None:
    stack.socle("up", NAME, "--yes", "--cloud-only", timeout=1200)
    topology = derive(load_stack(str(stack.file)))
    (front,), (relay,) = topology.fronts, topology.tier("turn").nodes
    edge_address, relay_address = team.addresses
    assert team.uses() == {edge_address: front.address, relay_address: relay.address}
    assert team.records() == {
        f"visio.{ZONE}.": [edge_address],
        f"livekit.visio.{ZONE}.": [edge_address],
        f"turn.visio.{ZONE}.": [relay_address],
    }
    assert {f"{node.name}-port" for node in topology.tier("edge").nodes} <= set(team.ports())
    assert "cloud: no operation" in stack.socle("up", NAME, "--yes", "--cloud-only").stdout
    assert "no difference" in stack.socle("drift", NAME).stdout


def test_down_leaves_it_as_it_was(stack: Deployment, team: Team) -> None:
    stack.socle("down", NAME, "--name", NAME, timeout=900)
    assert team.uses() == dict.fromkeys(team.addresses)
    assert (team.records(), team.ports()) == ({}, [])
    assert [one.name for one in team.cloud.network.routers(name=TEAM)] == [TEAM]
