"""Two zones: the bus outlives its leader, and calls go on when a zone is lost, with the cloud's load balancer before
the edge and without.

Zones of the lab are hosts of one machine; one is lost when its instances are stopped.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socle.engine import access
from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import ROOT
from tests.lab.conftest import LEFT_OUT, Deployment, write_bare_cloud, write_stack

if TYPE_CHECKING:
    from openstack.compute.v2.server import Server
    from openstack.connection import Connection

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

LOST = "zone-1"  # where the first of each tier is: the front's address, the bus's leader
PATIENCE = 180  # seconds until somebody else does the work: our value, on a busy machine


BOUND = 30.0  # seconds in which another leads, seen from LiveKit's node
MODULE = ROOT / "playbooks" / "plugins" / "modules" / "valkey_leader.py"
CLIENT = Path(__file__).with_name("bus_client.py")
# Ansible is not on a node, and the module's own functions need none of it
STUB = "import sys; from unittest.mock import MagicMock; sys.modules['ansible.module_utils.basic'] = MagicMock()"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("pair", "10.108.0.0/19"), id="every-service"),
        pytest.param(("barepair", "10.109.0.0/19"), id="fewer-services"),
    ],
)
def stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Deployed twice: the same, on two clouds."""
    name, cidr = request.param
    folder = tmp_path_factory.mktemp(name)
    if name.startswith("bare"):
        write_bare_cloud(folder)
    write_stack(folder, name, cidr, availability="two-zones", overrides={**LEFT_OUT, "objects": LEFT_OUT["backup"]})
    stack = Deployment(name, folder)
    stack.socle("up", name, "--yes", timeout=1800)
    yield stack
    stack.socle("down", name, "--name", name, timeout=900)


@pytest.fixture(scope="module")
def cloud(stack: Deployment) -> Connection:
    return access.connect(load_stack(str(stack.file)))


@contextmanager
def client(stack: Deployment) -> Iterator[Iterator[dict[str, Any]]]:
    """What a client on LiveKit's node sees: `{leader, gap}` for each write that was taken."""
    texts = [
        STUB,
        MODULE.read_text(encoding="utf-8").partition('if __name__ == "__main__"')[0],
        CLIENT.read_text(encoding="utf-8"),
        "watch(asked, Refused)",
    ]
    whole = "\n".join(texts).replace("from __future__ import annotations\n", "")
    packed = base64.b64encode(zlib.compress(("from __future__ import annotations\n" + whole).encode())).decode()
    program = f"import base64,zlib;exec(zlib.decompress(base64.b64decode('{packed}')))"
    media = stack.nodes("media")[0]
    running = stack.start("ssh", stack.name, media, "sudo", "timeout", "600", "python3", "-c", f'"{program}"')
    watchdog = threading.Timer(600, running.kill)
    watchdog.start()
    assert running.stdout
    try:
        yield (json.loads(line) for line in running.stdout if line.startswith("{"))
    finally:
        watchdog.cancel()
        os.killpg(running.pid, signal.SIGTERM)
        running.wait(timeout=60)
        running.stdout.close()


def service(stack: Deployment, verb: str, node: str) -> None:
    stack.socle("ssh", stack.name, node, "sudo", "systemctl", verb, "valkey-server.service")


def by_address(stack: Deployment) -> dict[str, str]:
    return {node.address: node.name for node in derive(load_stack(str(stack.file))).tier("bus").nodes}


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


def test_on_the_first_day_the_first_node_leads(stack: Deployment) -> None:
    nodes = by_address(stack)
    assert len(nodes) == 3
    with client(stack) as seen:
        assert next(seen)["leader"] == next(iter(nodes))


def test_the_bus_outlives_its_leader_who_comes_back_as_a_copy(stack: Deployment) -> None:
    nodes = by_address(stack)
    with client(stack) as seen:
        lost = next(seen)["leader"]
        service(stack, "stop", nodes[lost])
        after = next(one for one in seen if one["leader"] != lost)
    assert after["leader"] in nodes
    assert after["gap"] < BOUND

    report = json.loads(stack.socle("verify", stack.name, "--json", check=False, timeout=900).stdout)
    assert report["calls"], report
    assert not [call for call in report["calls"] if call["failure"]], "rooms are made, and calls go through"
    assert [cause["node"] for cause in report["causes"]] == [nodes[lost]], "and what is lost is named"

    service(stack, "start", nodes[lost])
    done = stack.socle("up", stack.name, "--yes", timeout=1200)  # waits until the node that was lost follows
    assert "cloud: no operation" in done.stdout
    assert "nodes: nothing changed" in done.stdout, done.stdout
    with client(stack) as seen:
        assert next(seen)["leader"] == after["leader"], "nobody moved the leader back"


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
