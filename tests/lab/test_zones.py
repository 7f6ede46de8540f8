"""Two zones: calls go on when one is lost, with the cloud's load balancer before the edge and without.

Zones of the lab are hosts of one machine; one is lost when its instances are stopped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from socle.engine import access
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.conftest import Deployment, write_bare_cloud, write_stack

if TYPE_CHECKING:
    from openstack.compute.v2.server import Server
    from openstack.connection import Connection

pytestmark = pytest.mark.lab

LOST = "zone-1"  # where the first of each tier is: the front's address, the bus's leader
PATIENCE = 180  # seconds until somebody else does the work: our value, on a busy machine


@pytest.fixture(scope="module", params=[("pair", "lab", "10.106.0.0/19"), ("barepair", "bare", "10.107.0.0/19")])
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Deployed twice: the same, on two clouds."""
    name, cloud, cidr = request.param
    folder = tmp_path_factory.mktemp(name)
    write_bare_cloud(folder)
    write_stack(folder, name, cidr, cloud=cloud, availability="two-zones")
    stack = Deployment(name, folder)
    stack.socle("up", name, "--yes", timeout=1800)
    yield stack
    stack.socle("down", name, "--name", name, timeout=900)


@pytest.fixture(scope="module")
def cloud(stack: Deployment) -> Connection:
    return access.connect(load_stack(str(stack.file)))


def calls(stack: Deployment) -> dict[tuple[str, str | None], str]:
    """(path, relay) -> why the call failed, empty where it passed."""
    done = stack.socle("verify", stack.name, "--json", "--calls-only", check=False, timeout=900)
    report: dict[str, Any] = json.loads(done.stdout)
    return {(call["path"], call["relay"]): call["failure"] for call in report["calls"]}


def servers(stack: Deployment, cloud: Connection, zone: str) -> list[Server]:
    found = [one for one in cloud.compute.servers() if one.name.startswith(f"{stack.name}-")]
    return [one for one in found if one.availability_zone == zone]


def test_everything_answers_and_a_second_up_changes_nothing(stack: Deployment) -> None:
    stack.socle("verify", stack.name, timeout=900)
    done = stack.socle("up", stack.name, "--yes")
    assert "cloud: no operation" in done.stdout
    assert "nodes: nothing changed" in done.stdout, done.stdout


def test_what_votes_stands_in_three_zones(stack: Deployment, cloud: Connection) -> None:
    bus = set(stack.nodes("bus"))
    zones = {one.availability_zone for one in cloud.compute.servers() if one.name in bus}
    assert (len(bus), len(zones)) == (3, 3)
    assert derive(load_stack(str(stack.file))).tier("bus").promotion == "automatic"


def test_calls_pass_when_a_zone_is_lost_and_all_is_as_before_when_it_is_back(
    stack: Deployment, cloud: Connection
) -> None:
    lost = servers(stack, cloud, LOST)
    assert {one.name.split("-")[1] for one in lost} >= {"edge", "media", "turn", "bus", "mirror", "bastion"}
    for one in lost:
        cloud.compute.stop_server(one)
    for one in lost:
        cloud.compute.wait_for_server(one, status="SHUTOFF", wait=120)
    try:
        left = [node for node in stack.nodes("turn") if node not in {one.name for one in lost}]
        wanted = {("direct", None), *((path, node) for path in ("turn-udp", "turn-tls") for node in left)}
        assert len(wanted) == 3
        end = time.monotonic() + PATIENCE
        while failing := {call: why for call, why in calls(stack).items() if call in wanted and why}:
            assert time.monotonic() < end, failing
    finally:
        for one in lost:
            cloud.compute.start_server(one)
        for one in lost:
            cloud.compute.wait_for_server(one, status="ACTIVE", wait=120)
    stack.socle("up", stack.name, "--yes", timeout=900)
    stack.socle("verify", stack.name, timeout=900)
