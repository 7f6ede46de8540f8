"""Which things of the cloud a killed run left behind, and which processes and locks: from data, without a cloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from socle.engine import inventory, recovery
from socle.engine.inventory import Thing

NAMES = {"demo-media", "demo-media-z1-1", "demo-key", "demo-router"}
URN = "urn:pulumi:demo::socle::socle:tier:Tier$openstack:networking/network:Network::"
STATE = {
    "resources": [
        {"urn": URN + "demo-media", "id": "net-1", "type": "openstack:networking/network:Network"},
        {"urn": URN + "component", "type": "socle:tier:Tier"},
        {"urn": URN + "attach", "id": "srv-1/vol-1", "type": "openstack:compute/volumeAttach:VolumeAttach"},
    ],
    "pending_operations": [
        {"type": "creating", "resource": {"urn": URN + "demo-turn", "inputs": {"name": "demo-turn-network"}}}
    ],
}


def lost(things: list[Thing], known: set[str] | None = None, names: set[str] = NAMES) -> list[str]:
    return [thing.id for thing in inventory.orphans(things, known or set(), "demo", names)]


def test_what_the_state_knows_is_never_an_orphan() -> None:
    things = [Thing("network", "net-1", "demo-media"), Thing("network", "net-2", "demo-media")]
    assert lost(things, recovery.known_ids(STATE)) == ["net-2"]


@pytest.mark.parametrize(
    "thing",
    [
        Thing("network", "1", "demo2-media"),
        Thing("server", "2", "demo-by-hand"),
        Thing("server", "3", "demonstration"),
        Thing("volume", "4", "backup", "of the demo server"),
        Thing("floating IP", "5", "198.51.100.7", "socle:demo2 turn"),
        Thing("router interface", "6", "", within="router-of-somebody"),
    ],
)
def test_what_does_not_carry_the_stacks_own_mark_is_left_alone(thing: Thing) -> None:
    assert lost([thing]) == []


@pytest.mark.parametrize(
    "thing",
    [
        Thing("network", "1", "demo-media"),
        Thing("keypair", "demo-key", "demo-key"),
        Thing("floating IP", "5", "198.51.100.7", "socle:demo turn"),
        Thing("server", "2", "renamed", metadata={"socle_stack": "demo"}),
    ],
)
def test_every_kind_of_mark_is_seen(thing: Thing) -> None:
    assert lost([thing]) == [thing.id]


def test_what_is_inside_belongs_to_what_it_is_in() -> None:
    things = [
        Thing("router", "r", "demo-router"),
        Thing("router interface", "port-9", within="r"),
        Thing("security group", "g", "demo-media"),
        Thing("security group rule", "rule-cloud", within="g"),
        Thing("security group rule", "rule-1", text="media-udp", within="g"),
    ]
    assert lost(things, {"r", "g"}) == ["port-9", "rule-1"]


def test_a_boot_volume_is_not_detached() -> None:
    server = Thing("server", "s", "demo-media-z1-1")
    things = [server, Thing("attachment", "s/data", within="s"), Thing("attachment", "s/boot", within="s")]
    assert lost(things, {"s", "data"}) == ["s/data"]


def test_deletion_order_takes_users_before_what_they_use() -> None:
    things = [Thing(kind, kind, "demo-media") for kind in reversed(inventory.ORDER) if kind not in inventory.INSIDE]
    order = lost(things)
    for first, then in (("server", "port"), ("port", "subnet"), ("subnet", "network"), ("port", "security group")):
        assert order.index(first) < order.index(then)


def test_names_come_from_the_state_the_unfinished_and_the_program() -> None:
    assert {"demo-media", "demo-turn", "demo-turn-network", "demo-edge"} <= recovery.names_made(STATE, ["demo-edge"])


def test_unfinished_operations_are_told_and_dropped() -> None:
    assert recovery.unfinished(STATE) == ["creating demo-turn"]
    assert recovery.unfinished(recovery.without_unfinished(STATE)) == []
    assert recovery.without_unfinished(STATE)["resources"] == STATE["resources"]


def test_locks_of_a_file_backend_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "a b" / ".pulumi/locks/organization/socle/demo"
    folder.mkdir(parents=True)
    (folder / "1.json").write_text('{"pid": 7, "username": "ops", "hostname": "here", "timestamp": "now"}')
    (folder / "2.json").write_text("{")
    found = recovery.locks((tmp_path / "a b").as_uri(), "socle", "demo")
    assert found == [recovery.Lock(7, "ops", "here", "now")]
    assert recovery.locks("s3://bucket", "socle", "demo") == []


def test_processes_are_found_by_mark_and_program_only(tmp_path: Path) -> None:
    import shutil

    program = tmp_path / "pulumi-resource-openstack"
    shutil.copy(str(shutil.which("sleep")), program)
    environment = {**os.environ, "SOCLE_ENGINE_RUN": f"demo@{tmp_path}"}
    ours = subprocess.Popen([str(program), "60"], env=environment)
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env=environment)
    try:
        wanted = f"SOCLE_ENGINE_RUN=demo@{tmp_path}".encode()
        assert list(recovery.marked_processes(wanted)) == [ours.pid]
        assert recovery.marked_processes(wanted + b"x") == {}
    finally:
        for process in (ours, other):
            process.send_signal(signal.SIGKILL)
            process.wait()


def test_a_dead_engine_is_dead_whoever_has_its_number_now() -> None:
    gone = subprocess.Popen(["true"])
    deadline = time.monotonic() + 10
    while Path(f"/proc/{gone.pid}/stat").read_text().split()[2] != "Z" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not recovery.alive(gone.pid)  # a zombie
    gone.wait()
    assert not recovery.alive(gone.pid)
    assert not recovery.alive(os.getpid())  # alive, and no Pulumi
