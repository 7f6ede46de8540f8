"""Visio in two zones, all that a call needs, while people meet and make rooms: what breaks costs seconds, and no room.

Each test breaks one thing, and prints for how long a call and rooms were away and how many rooms were lost. Afterwards
the node does its job again, and `socle verify` finds nothing.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from socle.engine import access, deploy, workspace
from socle.errors import NodeError
from socle.lab import access as handed
from socle.lab import images, wiring
from socle.nodes import certificates, run, vault
from socle.nodes.outputs import Outputs
from socle.probe import stun
from socle.probe.call import Door
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from socle.topology import Topology, derive
from socle.topology.model import Node
from tests.conftest import ROOT
from tests.integration.nodes import until
from tests.lab import breaking
from tests.lab.conftest import LEFT_OUT, Deployment, in_its_folders, made, provider
from tests.lab.meeting import Meeting, meeting
from tests.lab.people import Browser
from tests.lab.rooms import UNHURT, Rooms, rooms

if TYPE_CHECKING:
    from openstack.connection import Connection

WHY = "SOCLE_IMAGES names no folder with La Suite Meet"
pytestmark = [
    pytest.mark.lab,
    pytest.mark.nightly,
    pytest.mark.skipif(not os.environ.get(images.VARIABLE), reason=WHY),
]

NAME = "faults"
OWN = {"visio.deuxzones.example": f"visio.{NAME}.example", "10.65.0.0/19": "10.120.0.0/19"}
ALONE = {"nodes": 1, "reason": "nobody in a call depends on a second one"}
FEWER = {tier: LEFT_OUT[tier] for tier in ("monitoring", "logs", "backup")} | {"bastion": ALONE, "workers": ALONE}
PATIENCE = 300  # seconds until it must go on, on a machine that carries 20 nodes
LEFT = 5  # days until a certificate ends, about which `socle verify` complains
CALM = 20  # seconds for which it is watched before


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp(NAME)
    text = (ROOT / "stacks" / "twozones.yaml").read_text(encoding="utf-8")
    for theirs, own in OWN.items():
        assert text.count(theirs) == 1, theirs
        text = text.replace(theirs, own)
    stack = Deployment(NAME, folder)
    stack.file.parent.mkdir(parents=True)
    stack.file.write_text(text + yaml.safe_dump({"overrides": FEWER}, allow_unicode=True), encoding="utf-8")
    stack.socle("lab", "up", "--for", NAME)
    stack.socle("up", NAME, "--yes", timeout=2400)
    yield stack
    stack.socle("down", NAME, "--name", NAME, timeout=1200)


@dataclass
class Service:
    """The deployed stack, and its users: the first makes rooms, both meet."""

    stack: Deployment
    topology: Topology
    outputs: Outputs
    cloud: Connection
    users: list[Browser]

    def ask(self, node: str, *command: str) -> str:
        return self.stack.socle("ssh", NAME, node, *command).stdout.strip()

    def busiest(self, tier: str, counter: str) -> str:
        """The node of the tier to which most packets come. `counter`: Udp InDatagrams, or Tcp InSegs."""
        nodes = self.stack.nodes(tier)
        before = {node: self.count(node, counter) for node in nodes}
        return max(nodes, key=lambda node: self.count(node, counter) - before[node])

    def count(self, node: str, counter: str) -> int:
        protocol, column = counter.split()
        head, row = [line.split() for line in self.ask(node, "cat", "/proc/net/snmp").splitlines()
                     if line.startswith(f"{protocol}:")]  # fmt: skip
        return int(row[head.index(column)])

    def sql(self, node: str, command: str) -> str:
        return self.ask(node, "sudo", "-u", "postgres", "psql", "-tAc", shlex.quote(command))

    def leads_database(self) -> str:
        asked = "select pg_is_in_recovery()"
        (leader,) = [node for node in self.stack.nodes("database") if self.sql(node, asked) == "f"]
        return leader

    def leads(self, tier: str) -> str:
        """What the tier's Sentinels watch."""
        node = self.topology.tier(tier).nodes[0]
        asked = self.ask(node.name, "sudo", "grep", "'^sentinel monitor'", f"{mount(node)}/sentinel.state")
        address = asked.split()[3]
        (leader,) = [node.name for node in self.topology.tier(tier).nodes if node.address == address]
        return leader

    def works(self, *nodes: str) -> None:
        """The nodes do their job, as their roles see it; waited for."""
        with self.deployed() as (loaded, whole):
            run.play(loaded, self.topology, whole, self.cloud, "verify.yml", limit=nodes)

    def proven(self, *nodes: str) -> None:
        """And nothing is found from outside."""
        self.works(*nodes)
        self.stack.socle("verify", NAME, timeout=900)

    @contextmanager
    def deployed(self) -> Iterator[tuple[LoadedStack, dict[str, Any]]]:
        """The stack and what the program made, for what runs in this process."""
        with in_its_folders(self.stack):
            loaded = load_stack(str(self.stack.file))
            yield loaded, deploy.outputs(workspace.open_stack(loaded, credentials=False))


@pytest.fixture(scope="module")
def service(stack: Deployment) -> Service:
    topology, outputs = derive(load_stack(str(stack.file))), made(stack)
    name, (front,) = topology.record("visio").fqdn, topology.fronts
    where = {name: outputs.fronts[front.name], f"identity.{wiring.wiring().domain}": str(wiring.wiring().services)}
    users = []
    for known in provider()["users"]:
        user = Browser(f"https://{name}", where, str(handed.CERTIFICATE))
        assert user.log_in(known["email"], known["password"]).status_code == 200
        users.append(user)
    return Service(stack, topology, outputs, access.connect(load_stack(str(stack.file))), users)


def call_of(service: Service, relayed: bool) -> dict[str, Any]:
    """What `meeting` needs: a room of Visio's, and two tokens for it. `relayed`: over UDP, by any relay."""
    topology, outputs = service.topology, service.outputs
    room = made_room(service)
    tokens = tuple(user.asked(f"rooms/{room}/").json()["livekit"]["token"] for user in service.users)
    (front,) = topology.fronts
    door = Door(topology.record("signalling").fqdn, outputs.fronts[front.name], topology.flows.get("https").port)
    relays = {}
    if relayed:
        with in_its_folders(service.stack):
            user, password = stun.credentials(vault.read_vault(NAME)["turn_secret"]["current"], 3600)
        port = topology.flows.get("turn-udp").port
        addresses = [outputs[node.name].floating_address for node in topology.tier("turn").nodes]
        urls = [f"turn:{address}:{port}?transport=udp" for address in addresses]
        relays = {"urls": urls, "user": user, "password": password}
    return {"door": door, "ca": Path(handed.CERTIFICATE), "tokens": tokens, "relays": relays}


@dataclass
class Held:
    """A call and rooms that go on while something breaks."""

    call: Meeting
    rooms: Rooms
    since: float = 0.0

    def watch(self) -> None:
        """What is usual, while nothing is broken."""
        began = time.monotonic()
        time.sleep(CALM)
        self.call.usual(began)
        self.rooms.usual(began)

    def begin(self) -> None:
        self.since = time.monotonic()

    def go_on(self) -> None:
        """Waits until the call and the rooms go on, after what has broken."""
        self.call.steady(self.since, PATIENCE)
        self.rooms.steady(self.since, PATIENCE)


@contextmanager
def under_way(service: Service, what: str, *, relayed: bool = False) -> Iterator[Held]:
    """People meet, and rooms are made, while the block breaks something. Says what it cost; no room may be lost."""
    plan = call_of(service, relayed)
    with meeting(**plan) as call, rooms(service.users[0]) as written:
        held = Held(call, written)
        held.watch()
        held.begin()
        yield held
        held.go_on()
        silent, unwritten = call.silence(held.since), written.silence(held.since)
        written.end()
        lost = written.lost()
    sys.__stdout__.write(  # type: ignore[union-attr]
        f"\n{what}: the call was away {silent:.1f} s, rooms {unwritten:.1f} s (shorter than {call.gap:.1f} and"
        f" {written.gap:.1f} s is the machine's); {len(lost)} of {len(written.made)} rooms lost\n"
    )
    assert not lost, lost


WHO: dict[str, Callable[[Service], str]] = {
    "database": Service.leads_database,
    "cache": lambda service: service.leads("cache"),
    "bus": lambda service: service.leads("bus"),
    "media": lambda service: service.busiest("media", "Udp InDatagrams"),
    "turn": lambda service: service.busiest("turn", "Udp InDatagrams"),
    "edge": lambda service: service.busiest("edge", "Tcp InSegs"),
    "application": lambda service: service.busiest("application", "Tcp InSegs"),
}


@pytest.mark.parametrize("tier", WHO)
def test_a_host_dies(service: Service, tier: str) -> None:
    with under_way(service, f"{tier}: the host of who does the work dies", relayed=tier == "turn") as held:
        node = WHO[tier](service)
        held.begin()
        with breaking.dead(service.cloud, node):
            held.go_on()
    service.proven(node, *service.stack.nodes("workers"))


def test_a_media_node_is_drained_and_no_call_is_cut(service: Service, request: pytest.FixtureRequest) -> None:
    with under_way(service, "the call's media node is drained") as held:
        node = WHO["media"](service)
        held.begin()
        drain = service.stack.start("drain", NAME, node)
        request.addfinalizer(drain.kill)
        held.go_on()
        assert drain.poll() is None, "it did not wait for who meets there"
    said, _ = drain.communicate(timeout=300)
    assert drain.returncode == 0, said
    with pytest.raises(NodeError):
        service.works(node)
    with service.deployed() as (loaded, whole):
        run.play(loaded, service.topology, whole, service.cloud, "site.yml", limit=[node])
    service.proven(node)


def test_one_zone_and_the_others_do_not_reach_each_other(service: Service) -> None:
    nodes = {node.name: node.zone for node in service.topology.nodes}
    apart = [node for node, zone in nodes.items() if zone == "zone-1"]
    others = [node for node in nodes if node not in apart]
    with under_way(service, "zone-1 is cut off from the others") as held, breaking.cut(service.cloud, apart, others):
        held.begin()
        held.go_on()
    service.proven(*nodes)


def mount(node: Node) -> str:
    assert node.volume
    return node.volume.mount


@contextmanager
def full(service: Service, node: str) -> Iterator[None]:
    """Not a byte is left on the node's volume."""
    file = f"{mount(service.topology.node(node))}/full"
    fill = f"fallocate -l $(df --output=avail -B1 {Path(file).parent} | tail -1) {file}"
    service.ask(node, "sudo", "sh", "-c", f"'{fill}; dd if=/dev/zero of={file}.rest bs=4k 2>/dev/null; true'")
    try:
        yield
    finally:
        service.ask(node, "sudo", "rm", "-f", file, f"{file}.rest")


def test_the_database_s_disk_is_full(service: Service) -> None:
    leader = service.leads_database()
    with under_way(service, "the leading database's disk is full") as held:
        held.begin()
        with full(service, leader):
            held.call.steady(time.monotonic(), PATIENCE)
        held.go_on()
    service.proven(*service.stack.nodes("database"))


def test_certificates_that_are_about_to_end_are_made_anew_and_nobody_notices(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with service.deployed() as (loaded, whole), monkeypatch.context() as patch:
        long_ago = datetime.now(UTC) - certificates.LIFETIME + timedelta(days=LEFT)
        for secret in service.topology.secrets:
            if secret.kind == "certificate":
                vault.change(NAME, secret.name, lambda _good: None)
        vault.open_vault(loaded, service.topology, long_ago)
        patch.setattr(certificates, "RENEW_BEFORE", certificates.RENEW_BEFORE * 0)
        run.configure(loaded, service.topology, whole, service.cloud)
    found = service.stack.socle("verify", NAME, "--json", "--calls-only", check=False, timeout=900)
    assert found.returncode == 6
    assert "certificate ends in days" in found.stdout
    with under_way(service, "every certificate is made anew") as held:
        held.begin()
        service.stack.socle("up", NAME, "--yes", timeout=2400)
    service.proven(*(node.name for node in service.topology.nodes))


def test_the_database_of_a_moment_comes_back(service: Service) -> None:
    kept, moment, gone = made_room(service), datetime.now(UTC).isoformat(), made_room(service)
    leader = service.leads_database()
    segment = service.sql(leader, "select pg_walfile_name(pg_switch_wal())")
    archived = f"select last_archived_wal >= '{segment}' from pg_stat_archiver"
    until(lambda: service.sql(leader, archived) == "t", "the backup of the last row", PATIENCE)
    service.stack.socle("restore", NAME, "--to", moment, "--name", NAME, timeout=1200)
    found = [service.users[0].asked(f"rooms/{room}/").status_code for room in (kept, gone)]
    assert found == [200, 404]
    service.proven(*service.stack.nodes("database"))


def made_room(service: Service) -> str:
    made = service.users[0].posted("rooms/", {"name": f"Réunion {time.monotonic()}"})
    assert made.status_code == UNHURT, made.text
    return str(made.json()["id"])


def test_every_node_starts_anew_in_turn(service: Service) -> None:
    with under_way(service, f"{len(service.topology.nodes)} nodes start anew, one after the other") as held:
        for node in service.topology.nodes:
            breaking.restart(service.cloud, node.name)
            service.works(node.name)
        held.go_on()
    service.proven(*(node.name for node in service.topology.nodes))
