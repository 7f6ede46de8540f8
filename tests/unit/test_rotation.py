"""A secret that is rotated while it is used: in the vault, on the node, and what is refused."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from socle.errors import NodeError
from socle.nodes import rotation
from socle.topology.secrets import TURN_LIFETIME
from tests.unit.test_nodes_plugins import module

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LATER = NOW + timedelta(seconds=TURN_LIFETIME)


def numbered() -> str:
    numbered.count += 1  # type: ignore[attr-defined]
    return f"value-{numbered.count}"  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def counted() -> None:
    numbered.count = 0  # type: ignore[attr-defined]


def test_the_next_value_is_accepted_before_it_is_used_and_the_one_before_for_as_long_as_it_is_held() -> None:
    first = rotation.current_or_new(None, numbered, NOW)
    begun = rotation.begun(first, numbered, NOW)
    assert (begun["current"], begun["other"]) == ("value-1", "value-2")
    switched = rotation.switched(begun, NOW)
    assert (switched["current"], switched["other"]) == ("value-2", "value-1")
    assert rotation.current_or_new(switched, numbered, LATER - timedelta(seconds=1)) == switched
    after = rotation.current_or_new(switched, numbered, LATER)
    assert after == {"current": "value-2", "other": "", "until": ""}


def test_one_that_was_interrupted_goes_on_with_the_value_it_had() -> None:
    begun = rotation.begun(rotation.current_or_new(None, numbered, NOW), numbered, NOW)
    assert rotation.current_or_new(begun, numbered, LATER) == begun  # a run of `up` meanwhile takes nothing away
    assert rotation.begun(begun, numbered, LATER) == begun


def test_too_early_is_refused_and_says_until_when() -> None:
    switched = rotation.switched(rotation.begun(None, numbered, NOW), NOW)
    with pytest.raises(NodeError, match=r"2026-03-01T16:00:00\+00:00") as refused:
        rotation.begun(switched, numbered, NOW + timedelta(hours=1))
    assert refused.value.code == "SOC-5216"
    again = rotation.begun(switched, numbered, LATER)
    assert (again["current"], again["other"]) == ("value-2", "value-3")


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """With the one table that matters, as coturn's package makes it."""
    file = tmp_path / "turndb"
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE turn_secret (realm TEXT, value TEXT, PRIMARY KEY (realm, value))")
        connection.execute("INSERT INTO turn_secret VALUES ('other', 'theirs'), ('turn', 'value-1')")
    return file


def accepted(file: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(file)) as connection:
        return set(connection.execute("SELECT realm, value FROM turn_secret"))


def test_a_node_accepts_what_it_is_told_and_another_realm_is_left_alone(database: Path) -> None:
    told = {"database": str(database), "realm": "turn", "secrets": ["value-1", "value-2"]}
    assert module("turn_secrets", {**told, "_ansible_check_mode": True})["action"] == ["secrets: 1 new, 0 gone"]
    assert accepted(database) == {("other", "theirs"), ("turn", "value-1")}
    assert module("turn_secrets", told)["changed"]
    assert not module("turn_secrets", told)["changed"]
    assert module("turn_secrets", {**told, "secrets": ["value-2"]})["action"] == ["secrets: 0 new, 1 gone"]
    assert accepted(database) == {("other", "theirs"), ("turn", "value-2")}


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    failed = module("turn_secrets", {"database": str(tmp_path / "none"), "realm": "turn", "secrets": ["value-1"]})
    assert "unable to open" in failed["msg"]
    assert not list(tmp_path.iterdir())
    assert "value-1" not in str(failed)
