"""What breaks in the lab: a host that dies, a network that is cut. Each is made whole again."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openstack.exceptions import ConflictException

from socle.lab import services, wiring, world
from tests.integration.nodes import until

if TYPE_CHECKING:
    from openstack.compute.v2.server import Server
    from openstack.connection import Connection

DEATH = "import os, sys; from socle_lab.container import Container; os.kill(Container(sys.argv[1]).leader(), 9)"
FIRST = 30000  # priority: before what Neutron writes


def server(cloud: Connection, node: str) -> Server:
    (found,) = [one for one in cloud.compute.servers() if one.name == node]
    return found


@contextmanager
def dead(cloud: Connection, node: str) -> Iterator[None]:
    """The node's host loses its power: no process of it ends in order. Afterwards it starts again."""
    found = server(cloud, node)
    world.inside([f"{wiring.VENV}/bin/python", "-c", DEATH, f"{wiring.INSIDE}/data/instances/{found.id}"])
    try:
        yield
    finally:
        restart(cloud, node, "HARD")


def restart(cloud: Connection, node: str, how: str = "SOFT") -> None:
    """Also of one whose death the cloud has noticed, or is noticing: it takes no order meanwhile."""

    def told() -> bool:
        found = server(cloud, node)
        try:
            if found.status == "SHUTOFF":
                cloud.compute.start_server(found)
            else:
                cloud.compute.reboot_server(found, how)
        except ConflictException:
            return False
        return True

    until(told, f"{node} to take an order", 60)
    cloud.compute.wait_for_server(server(cloud, node), status="ACTIVE", wait=180)


@contextmanager
def cut(cloud: Connection, nodes: Collection[str], others: Collection[str]) -> Iterator[None]:
    """No packet between the ones and the others, either way; what comes from elsewhere comes as before."""
    ports = {one.name: [port.id for port in cloud.network.ports(device_id=one.id)] for one in cloud.compute.servers()}
    far = [address for one in cloud.compute.servers() if one.name in others for address in addresses(one)]
    group = f"cut_{secrets.token_hex(4)}"
    nb = ["ovn-nbctl", f"--db=unix:{services.OVN}/nb.sock", "--timeout=10", "--wait=hv"]
    world.inside([*nb, "pg-add", group, *(port for node in nodes for port in ports[node])])
    try:
        for way, match in (
            ("to-lport", f"outport == @{group} && ip4.src"),
            ("from-lport", f"inport == @{group} && ip4.dst"),
        ):
            world.inside([*nb, "acl-add", group, way, str(FIRST), f"{match} == {{{', '.join(far)}}}", "drop"])
        yield
    finally:
        world.inside([*nb, "pg-del", group])


def addresses(one: Server) -> list[str]:
    return [entry["addr"] for network in one.addresses.values() for entry in network]
