"""The plan file: stable digests, a seal, and every reason for which it no longer holds."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from socle.engine import plan
from socle.errors import InputError, PlanMoved

KEY = b"a passphrase\n"
FACTS = plan.Facts("s", "p", "https://cloud/v3 project region", "st", "ops", {"pulumi": "3"})
PLAN = plan.Plan(
    "demo", "2026-11-01T00:00:00+00:00", FACTS, ({"op": "create"},), {"go": True}, (), '{"resourcePlans": {}}'
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "demo.plan.json"
    file.write_text("an older one, readable by all")
    file.chmod(0o644)
    plan.save(PLAN, file, KEY)
    return file


def test_comes_back_as_it_was_saved_and_is_private(file: Path) -> None:
    assert plan.load(file, KEY) == PLAN
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("key", ["name", "engine_plan", "made"])
def test_an_edited_plan_is_refused(file: Path, key: str) -> None:
    body = json.loads(file.read_text())
    body[key] += " "
    file.write_text(json.dumps(body))
    with pytest.raises(InputError, match="seal is broken"):
        plan.load(file, KEY)


def test_an_edited_fact_or_another_passphrase_is_refused(file: Path) -> None:
    with pytest.raises(InputError, match="seal is broken"):
        plan.load(file, b"another")
    body = json.loads(file.read_text())
    body["facts"]["operations"] = "0"
    file.write_text(json.dumps(body))
    with pytest.raises(InputError, match="seal is broken"):
        plan.load(file, KEY)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"seal": "", "format": "socle-plan/0"}', "\x00", '{"seal": 1}']
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "x.json"
    file.write_text(text)
    with pytest.raises(InputError) as caught:
        plan.load(file, KEY)
    assert caught.value.code == "SOC-1302"


def test_no_such_plan(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        plan.load(tmp_path / "none.json", KEY)
    assert caught.value.code == "SOC-1301"


@pytest.mark.parametrize(
    ("fact", "word"),
    [
        ("stack", "stack, cloud or release file"),
        ("program", "cloud program"),
        ("cloud", "target cloud"),
        ("state", "recorded state"),
        ("operations", "operations"),
    ],
)
def test_each_fact_that_moves_is_named(fact: str, word: str) -> None:
    plan.refuse_if_moved(FACTS, FACTS)
    with pytest.raises(PlanMoved, match=word) as caught:
        plan.refuse_if_moved(FACTS, replace(FACTS, **{fact: "other"}))
    assert caught.value.exit_code == 8


def test_all_reasons_are_told_at_once() -> None:
    now = replace(FACTS, stack="x", operations="y", versions={"pulumi": "4"})
    with pytest.raises(PlanMoved) as caught:
        plan.refuse_if_moved(FACTS, now)
    assert len(caught.value.lines()) == 4  # one in the sentence, two more, what to do


def test_state_digest_sees_resources_and_not_ciphertext_or_time() -> None:
    resource = {"urn": "u", "id": "1", "modified": "today", "inputs": {"key": {"ciphertext": "v1:a"}}}
    again = {"urn": "u", "id": "1", "modified": "later", "inputs": {"key": {"ciphertext": "v1:b"}}}
    base = plan.state_digest({"resources": [resource], "manifest": {"time": "1"}})
    assert base == plan.state_digest({"resources": [again], "manifest": {"time": "2"}})
    assert base != plan.state_digest({"resources": [{**resource, "id": "2"}]})
    assert base != plan.state_digest({"resources": [resource], "pending_operations": [{"type": "creating"}]})


def test_program_digest_is_of_what_registers_resources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    infra = tmp_path / "infra"
    (infra / "engine").mkdir(parents=True)
    (infra / "__main__.py").write_text("1")
    monkeypatch.setattr("socle.engine.plan.content.folder", lambda room: tmp_path / room)
    base = plan.program_digest()
    (infra / "engine" / "x.py").write_text("the engine is no part of it")
    assert plan.program_digest() == base
    (infra / "__main__.py").write_text("2")
    assert plan.program_digest() != base
