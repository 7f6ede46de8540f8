"""LiveKit's bus on three nodes: one leads, one is lost, another leads, and the lost one comes back as a copy."""

from __future__ import annotations

import base64
import json
import os
import signal
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import ROOT
from tests.lab.conftest import Deployment, write_stack

pytestmark = pytest.mark.lab

BOUND = 30.0  # seconds in which another leads, seen from LiveKit's node
FEW = ("bastion", "mirror", "edge", "media", "turn")
MODULE = ROOT / "playbooks" / "plugins" / "modules" / "valkey_leader.py"
CLIENT = Path(__file__).with_name("bus_client.py")
# Ansible is not on a node, and the module's own functions need none of it
STUB = "import sys; from unittest.mock import MagicMock; sys.modules['ansible.module_utils.basic'] = MagicMock()"


@pytest.fixture(scope="module")
def voting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A stack over two zones and a witness, with three nodes of the bus and one of all else."""
    folder = tmp_path_factory.mktemp("voting")
    write_stack(folder, "voting", "10.112.0.0/19")
    stack = Deployment("voting", folder)
    text = stack.file.read_text(encoding="utf-8").replace("availability: single", "availability: two-zones")
    lines = [f'  {tier}: {{nodes: 1, reason: "As few nodes as the bus needs to be seen"}}\n' for tier in FEW]
    stack.file.write_text(text.rstrip("\n") + "\n" + "".join(lines), encoding="utf-8")
    stack.socle("up", "voting", "--yes", timeout=1800)
    yield stack
    stack.socle("down", "voting", "--name", "voting", timeout=900)


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
    (media,) = stack.nodes("media")
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


def test_on_the_first_day_the_first_node_leads(voting: Deployment) -> None:
    nodes = by_address(voting)
    assert len(nodes) == 3
    with client(voting) as seen:
        assert next(seen)["leader"] == next(iter(nodes))


def test_the_bus_outlives_its_leader_who_comes_back_as_a_copy(voting: Deployment) -> None:
    nodes = by_address(voting)
    with client(voting) as seen:
        lost = next(seen)["leader"]
        service(voting, "stop", nodes[lost])
        after = next(one for one in seen if one["leader"] != lost)
    assert after["leader"] in nodes
    assert after["gap"] < BOUND

    report = json.loads(voting.socle("verify", voting.name, "--json", check=False, timeout=900).stdout)
    assert report["calls"], report
    assert not [call for call in report["calls"] if call["failure"]], "rooms are made, and calls go through"
    assert [cause["node"] for cause in report["causes"]] == [nodes[lost]], "and what is lost is named"

    service(voting, "start", nodes[lost])
    done = voting.socle("up", voting.name, "--yes", timeout=1200)  # waits until the node that was lost follows
    assert "cloud: no operation" in done.stdout
    assert "nodes: nothing changed" in done.stdout, done.stdout
    with client(voting) as seen:
        assert next(seen)["leader"] == after["leader"], "nobody moved the leader back"
