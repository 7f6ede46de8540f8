"""The database's own role on nodes of this machine: PostgreSQL, Patroni and etcd as Debian has them, really voting.

What it shows beyond passing: nothing that was acknowledged is lost when the leader's host dies, and how long it takes
until somebody else takes rows; with nobody left to copy to, nothing is acknowledged.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from socle.nodes import vault
from tests.conftest import ROOT
from tests.integration import nodes
from tests.integration.nodes import Fleet, Node, debian, until

pytestmark = pytest.mark.skipif(bool(nodes.why_not()), reason=nodes.why_not() or "-")
CA = "/tmp/socle-test-ca.pem"  # in the client's view
FAILOVER = 60.0  # seconds, on a busy machine; the leader's lease is 20, the vote and the promotion a few


@dataclass
class Writer:
    """A client beside the nodes; `rows`: number, seconds since the one before, who took it."""

    made: Fleet
    rows: list[tuple[int, float, str]] = field(default_factory=list)

    def __enter__(self) -> Writer:
        topology = self.made.topology
        password = vault.open_vault(self.made.loaded, topology).token("database_password")
        port = topology.flows.get("database").port
        self.process = subprocess.Popen(
            self.made.outside(
                "unshare", "--mount", "sh", "-c",
                f'mount --bind "$0" {ROOT_VIEW} && mount --bind "$1" {ROOT_VIEW}/mnt && exec chroot {ROOT_VIEW} python3'
                f" /mnt/writer.py '{','.join(nodes.addresses(self.made))}' {port} meet meet /mnt/ca.pem",
                str(debian()), str(self.made.folder / "client"),
            ),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdin
        self.process.stdin.write(f"{password}\n")
        self.process.stdin.flush()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        return self

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            number, gap, server = line.split()
            self.rows.append((int(number), float(gap), server))

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()

    def more(self, rows: int, seconds: float) -> None:
        """Waits until so many more rows were acknowledged."""
        wanted = len(self.rows) + rows
        until(lambda: len(self.rows) >= wanted, f"{rows} more rows", seconds)


ROOT_VIEW = "/mnt"  # of the client, in a mount namespace of its own


def sql(node: Node, text: str, database: str = "meet") -> str:
    """As the superuser, on the node itself."""
    return node.run(
        "runuser", "-u", "postgres", "--", "psql", "-h", "/run/postgresql", "-XAtqc", text, database
    ).strip()


def leads(node: Node) -> bool:
    return sql(node, "select pg_is_in_recovery()", "postgres") == "f"


def leader(made: Fleet) -> Node:
    def found() -> list[Node]:
        return [node for node in made.nodes.values() if _asked(leads, node)]

    until(lambda: len(found()) == 1, "one leader", FAILOVER)
    return found()[0]


def _asked(question: Any, node: Node) -> Any:
    try:
        return question(node)
    except (RuntimeError, OSError, IndexError):
        return None


def in_step(made: Fleet) -> bool:
    said = sql(leader(made), "select sync_state from pg_stat_replication", "postgres").split()
    return "sync" in said and len(said) == len(made.nodes) - 1


def stack(folder: Path, name: str) -> Path:
    """`twozones` with a tier's nodes as wanted, in a file of its own."""
    file = folder / f"{name}.yaml"
    text = (ROOT / "stacks" / "twozones.yaml").read_text()
    if name == "single":
        text += 'overrides: {database: {nodes: 1, reason: "one node alone, as small a stack as there is"}}\n'
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("nodes")
        patch.setenv("SOCLE_STATE", str(folder / "state"))
        yield folder


def prepared(made: Fleet) -> None:
    """The table that the writer fills, and what it needs to see."""
    client = made.folder / "client"
    client.mkdir(exist_ok=True)
    (client / "writer.py").write_text(Path(__file__).with_name("writer.py").read_text())
    (client / "ca.pem").write_text((made.folder / "ca.pem").read_text())
    sql(leader(made), "create table written (number bigint primary key); alter table written owner to meet")


@pytest.fixture(scope="module")
def three(private: Path) -> Iterator[Fleet]:
    with nodes.fleet(stack(private, "three"), "database", private) as made:
        made.play()
        prepared(made)
        yield made


@pytest.fixture
def state(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's own: every test is given another by default."""
    monkeypatch.setenv("SOCLE_STATE", str(private / "state"))


pytestmark = [pytestmark, pytest.mark.usefixtures("state")]  # type: ignore[assignment]


def kept(made: Fleet) -> set[int]:
    return {int(number) for number in sql(leader(made), "select number from written").split()}


def test_a_second_run_changes_nothing_and_nothing_secret_is_in_a_log(three: Fleet) -> None:
    assert {name: row["changed"] for name, row in three.play().items()} == dict.fromkeys(three.nodes, 0)
    values = vault.open_vault(three.loaded, three.topology).values
    tokens = [value for name, value in values.items() if name.startswith("database_") and isinstance(value, str)]
    for node in three.nodes.values():
        text = node.run("journalctl", "-q", "-o", "cat", "--no-pager")
        assert not [token for token in tokens if token in text]
        assert "SCRAM-SHA-256" not in text
    assert in_step(three)


def test_it_is_what_its_file_says(three: Fleet) -> None:
    node = leader(three)
    shown = {
        name: sql(node, f"show {name}") for name in ("data_checksums", "ssl", "synchronous_commit", "log_statement")
    }
    assert shown == {"data_checksums": "on", "ssl": "on", "synchronous_commit": "on", "log_statement": "ddl"}
    assert sql(node, "select count(*) from pg_authid where rolcanlogin and rolpassword !~ '^SCRAM-SHA-256'") == "0"
    supers = sql(node, "select string_agg(rolname, ',') from pg_authid where rolsuper")
    assert supers == "postgres"
    assert sql(node, "select rolpassword is null from pg_authid where rolname = 'postgres'") == "t"
    assert sql(node, "select count(*) from pg_available_extensions where name = 'pg_trgm'") == "1"
    assert sql(node, "set role meet; create extension pg_trgm; select similarity('visio', 'vision') > 0.5").endswith(
        "t"
    )
    assert sql(node, "select string_agg(datname, ',' order by datname) from pg_database where not datistemplate") == (
        "meet,postgres,probe"
    )
    assert not (three.folder / node.name / "volume" / "17").exists(), "Debian's own cluster"


def test_nothing_acknowledged_is_lost_when_the_leader_s_host_dies(three: Fleet, record_property: Any) -> None:
    lost = leader(three)
    with Writer(three) as writer:
        writer.more(100, 60)
        assert writer.rows[-1][2] == lost.address
        three.die(lost.name)
        until(lambda: writer.rows[-1][2] != lost.address, "another leader", FAILOVER)
        writer.more(100, 60)
    acknowledged = {number for number, _gap, _server in writer.rows}
    assert acknowledged <= kept(three)
    gap = max(gap for _number, gap, _server in writer.rows)
    record_property("seconds without a row", gap)
    print(f"\nleader's host lost: {len(acknowledged)} rows acknowledged, 0 lost; {gap:.1f} s without a row")  # noqa: T201
    assert gap < FAILOVER


def test_who_comes_back_follows_and_one_made_anew_joins_again(three: Fleet) -> None:
    gone = next(node.name for node in three.topology.tier("database").nodes if node.name not in three.nodes)
    three.boot(gone)  # the same disk and volume, as after a power cut
    until(lambda: in_step(three), "the node that came back", 120)
    assert not leads(three.nodes[gone])
    before = sql(leader(three), "select count(*) from written")
    three.die(gone)
    for part in ("up", "work", "volume"):
        sh = subprocess.run(["rm", "-rf", str(three.folder / gone / part)], check=False)
        assert sh.returncode == 0
    three.boot(gone)
    three.play(gone)
    until(lambda: in_step(three), "the node that was made anew", 120)
    assert sql(three.nodes[gone], "select count(*) from written") == before


def test_a_restart_hands_over_first_and_clients_hardly_notice(three: Fleet) -> None:
    """A memory of another size is a restart of PostgreSQL on every node: replicas first, the leader last and once."""
    before = leader(three).name
    tiers = tuple(_with_memory(tier, 700) if tier.name == "database" else tier for tier in three.topology.tiers)
    three.topology = replace(three.topology, tiers=tiers)
    with Writer(three) as writer:
        writer.more(50, 60)
        three.play()
        writer.more(50, 60)
    assert {number for number, _gap, _server in writer.rows} <= kept(three)
    assert {sql(node, "show shared_buffers", "postgres") for node in three.nodes.values()} == {"111MB"}
    servers = [server for _number, _gap, server in writer.rows]
    changes = sum(a != b for a, b in pairwise(servers))
    gap = max(gap for _number, gap, _server in writer.rows)
    print(f"\nrolling restart: {changes} change of leader, {gap:.1f} s without a row")  # noqa: T201
    assert (changes, leader(three).name != before) == (1, True)
    assert gap < 20


def _with_memory(tier: Any, memory: int) -> Any:
    return replace(tier, memory=memory)


def test_with_no_replica_left_nothing_is_acknowledged(three: Fleet) -> None:
    """Also not after the statement's own time: a commit that waits is not cut off and called done."""
    node = leader(three)
    others = [one for one in three.nodes.values() if one.name != node.name]
    for one in others:  # etcd goes on, so the leader leads
        one.run("systemctl", "kill", "--signal=STOP", "patroni.service")
        one.run("pkill", "-STOP", "-x", "postgres", check=False)
    ask = "set statement_timeout = '2s'; begin; insert into written values (-1); commit; select 'acknowledged'"
    command = node.enter("runuser", "-u", "postgres", "--", "psql", "-h", "/run/postgresql", "-XAtqc", ask, "meet")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    time.sleep(15)  # longer than the time that a replica is taken for silent
    answered = process.poll() is not None
    for one in others:
        one.run("pkill", "-CONT", "-x", "postgres", check=False)
        one.run("systemctl", "kill", "--signal=CONT", "patroni.service")
    assert not answered, process.communicate()[0]
    assert "acknowledged" in process.communicate(timeout=120)[0]
    until(lambda: in_step(three), "the replicas", 120)


def test_a_client_in_clear_or_from_elsewhere_is_turned_away(three: Fleet) -> None:
    node = leader(three)
    said = node.run(
        "sh", "-c", f"psql 'host={node.address} dbname=meet user=meet sslmode=require' -c 'select 1' 2>&1", check=False
    )
    assert "no pg_hba.conf entry" in said, "a database node is no client of the application's data"
    said = node.run(
        "sh",
        "-c",
        f"psql 'host={node.address} dbname=probe user=probe sslmode=disable' -c 'select 1' 2>&1",
        check=False,
    )
    assert "no encryption" in said
    plain = f"https://{node.address}:{three.topology.flows.get('database-leader').port}/switchover"
    code = (
        "import ssl, sys, urllib.request as u\nc = ssl._create_unverified_context()\n"
        "try: u.urlopen(u.Request(sys.argv[1], b'{}', method='POST'), context=c)\n"
        "except u.HTTPError as e: print(e.code)"
    )
    assert node.run("python3", "-c", code, plain).strip() in ("401", "403")


def test_a_single_node_does_the_same_alone(private: Path) -> None:
    folder = private / "single"
    folder.mkdir()
    with nodes.fleet(stack(private, "single"), "database", folder) as made:
        assert len(made.nodes) == 1
        made.play()
        assert {row["changed"] for row in made.play().values()} == {0}
        prepared(made)
        name = leader(made).name
        with Writer(made) as writer:
            writer.more(50, 60)
            made.die(name)
            made.boot(name)
            writer.more(50, 120)
        assert {number for number, _gap, _server in writer.rows} <= kept(made)
        print(f"\nalone: {max(gap for _n, gap, _s in writer.rows):.1f} s from the power cut to the next row")  # noqa: T201
        assert re.search(
            r"^hostssl meet meet ", made.nodes[name].run("cat", "/var/lib/postgresql/data/pg_hba.conf"), re.M
        )
