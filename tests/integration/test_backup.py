"""The database's backups: real nodes, a real object store, and a database that is destroyed and comes back.

What it shows beyond passing: rows of a moment are there and those written after it are not; who has the store alone
reads nothing; a new and empty cluster is never written over the old one's backups.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from socle.nodes import certificates, vault
from socle.topology.model import Secret
from tests.conftest import ROOT
from tests.integration import nodes, swift
from tests.integration.nodes import Fleet, Node, until
from tests.integration.test_database import in_step, leader, sql, stack
from tests.lab.s3 import S3

pytestmark = pytest.mark.skipif(bool(nodes.why_not()), reason=nodes.why_not() or "-")
ENCRYPTED, COMPRESSED = b"Salted__", b"\x28\xb5\x2f\xfd"  # how a file begins; parts of a bundle have no head
READY = 120.0  # seconds, on a busy machine


@pytest.fixture(scope="module")
def backed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A database of three nodes that reaches its store as in a cloud: by its name, through a mirror node."""
    folder = tmp_path_factory.mktemp("backup")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOCLE_STATE", str(folder / "state"))
        with nodes.fleet(stack(folder, "three"), "database", folder) as made, served(made, folder):
            made.play()
            yield made


@pytest.fixture(autouse=True)
def state(backed: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's own: every test is given another by default."""
    monkeypatch.setenv("SOCLE_STATE", str(backed.folder / "state"))


@contextmanager
def served(made: Fleet, folder: Path) -> Iterator[None]:
    """The store behind a mirror node's address, with the stack's bucket in it; its keys are handed over."""
    mirror = next(node.address for node in made.topology.nodes if node.tier == "mirror")
    around, port = made.loaded.cloud.surroundings.objects, made.topology.flows.get("objects-inside").port
    assert around
    made.ip("addr", "add", f"{mirror}/16", "dev", "lan")
    secret = Secret("store", "certificate", (), (around.name, mirror))
    pair = certificates.current_or_new(made.loaded, secret, None, datetime.now(UTC))
    files = (folder / "store.crt", folder / "store.key")
    for file, text in zip(files, (pair["certificate"], pair["key"]), strict=True):
        file.write_text(text)
    nodes.hand_over(made, backup_key=swift.KEY, backup_secret=swift.SECRET)
    for node in made.nodes.values():
        knows_the_store(made, node)
    with swift.store(folder / "swift", made.outside(), mirror, port, files):
        s3 = S3(f"https://{mirror}:{port}", swift.REGION, swift.KEY, swift.SECRET, str(folder / "ca.pem"))
        name = made.topology.store.buckets["backups"] if made.topology.store else ""
        script = f"from tests.lab.s3 import S3; assert {s3!r}.request('PUT', {name!r}).status_code == 200"
        nodes.sh(*made.outside(sys.executable, "-c", script), cwd=ROOT)
        yield


def knows_the_store(made: Fleet, node: Node) -> None:
    """By its name, as a mirror node's unbound answers those inside."""
    mirror = next(one.address for one in made.topology.nodes if one.tier == "mirror")
    around = made.loaded.cloud.surroundings.objects
    node.run("sh", "-c", f"echo '{mirror} {around.name if around else ''}' >> /etc/hosts")


def write(made: Fleet, text: str) -> str:
    """Writes a row, and says when it was there."""
    sql(leader(made), f"insert into kept values ('{text}')")
    return sql(leader(made), "select clock_timestamp()")


def backup(node: Node, *command: str) -> str:
    return node.run(
        "runuser", "-u", "postgres", "--", "pgbackrest", "--stanza=three", "--log-level-console=off", *command
    )


def rows(made: Fleet) -> list[str]:
    return sql(leader(made), "select word from kept order by word").split()


def archived(made: Fleet) -> None:
    """Until what was written so far is in the store."""
    node = leader(made)
    segment = sql(node, "select pg_walfile_name(pg_switch_wal())")
    until(lambda: sql(node, f"select last_archived_wal >= '{segment}' from pg_stat_archiver") == "t", segment, READY)


def restore(made: Fleet, **said: str) -> dict[str, Any]:
    return made.playbook(ROOT / "playbooks" / "restore.yml", **said)


def test_a_second_run_changes_nothing_and_no_secret_is_in_a_log(backed: Fleet) -> None:
    assert {row["changed"] for row in backed.play().values()} == {0}
    values = vault.open_vault(backed.loaded, backed.topology).values
    secrets = [str(values[name]) for name in ("backup_secret", "backup_cipher")]
    for node in backed.nodes.values():
        text = node.run("journalctl", "-q", "-o", "cat", "--no-pager")
        assert not [one for one in secrets if one in text]


def test_one_node_has_made_a_backup_and_the_others_have_the_timer_too(backed: Fleet) -> None:
    info = json.loads(backup(leader(backed), "--output=json", "info"))[0]
    assert [one["type"] for one in info["backup"]] == ["full"]
    assert info["cipher"] == "aes-256-cbc"
    for node in backed.nodes.values():
        assert "database-backup-diff.timer" in node.run("systemctl", "list-timers", "--plain", "--no-legend")
        node.run("systemctl", "start", "database-backup@diff.service")
    info = json.loads(backup(leader(backed), "--output=json", "info"))[0]
    assert [one["type"] for one in info["backup"]] == ["full", "diff"], "by the one that leads alone"


def test_who_has_the_store_alone_reads_nothing(backed: Fleet) -> None:
    kept = [path.read_bytes() for path in (backed.folder / "swift" / "disk" / "objects").rglob("*.data")]
    assert len(kept) > 5
    assert sum(text.startswith(ENCRYPTED) for text in kept) > 5
    assert not [text[:40] for text in kept if text.startswith(COMPRESSED) or b"backrest-" in text]


def test_all_nodes_are_lost_and_the_rows_of_a_moment_come_back(backed: Fleet, record_property: Any) -> None:
    sql(leader(backed), "create table kept (word text primary key); alter table kept owner to meet")
    write(backed, "first")
    moment = write(backed, "second")
    write(backed, "too-late")
    archived(backed)
    for name in list(backed.nodes):
        backed.die(name)
        for part in ("up", "work", "volume"):
            shutil.rmtree(backed.folder / name / part)
    for node in backed.topology.tier("database").nodes:
        knows_the_store(backed, backed.boot(node.name))
    with pytest.raises(RuntimeError, match="the backups are another database's"):
        backed.play()  # a new cluster, which must not be written over the backups of the old one
    with pytest.raises(RuntimeError, match="restore_destroys=three"):
        restore(backed, restore_destroys="another")
    started = time.monotonic()
    restore(backed, restore_destroys="three", restore_to=moment)
    took = time.monotonic() - started
    record_property("seconds for a restore", took)
    print(f"\nthree nodes lost: back at the moment asked for in {took:.0f} s")  # noqa: T201
    assert rows(backed) == ["first", "second"]
    until(lambda: in_step(backed), "the replicas", READY)
    assert {row["changed"] for row in backed.play().values()} == {0}


def test_a_table_that_was_dropped_by_mistake_comes_back(backed: Fleet) -> None:
    moment = write(backed, "third")
    sql(leader(backed), "drop table kept")
    archived(backed)
    restore(backed, restore_destroys="three", restore_to=moment)
    assert rows(backed) == ["first", "second", "third"]
    until(lambda: in_step(backed), "the replicas", READY)
    assert not list(backed.folder.glob("*/volume/data.before-restore"))
