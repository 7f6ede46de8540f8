"""A verdict over some controls, or over what is worse than before: nothing else is in it, nothing of it is lost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from socle import assess
from socle.cli.check import check
from socle.errors import GateRefused, InputError
from socle.evidence.comparison import statuses
from socle.evidence.seal import seal
from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment, Finding
from socle.policy.gate import gate
from socle.policy.narrow import chosen, narrowed, since
from socle.policy.outcome import Status
from socle.report.plain import records
from tests.conftest import STACKS
from tests.models import intended


def judged(stack: str = "demo") -> Assessment:
    return assess.assess(intended(stack), assess.BEFORE_APPLY)


def failing(result: Assessment, *subjects: str, seen: str = "open") -> Assessment:
    """With a critical failure of each subject more."""
    more = tuple(Finding("NET-02", "NET-02.plan", "plan", one, Status.FAILED, seen, "closed") for one in subjects)
    findings = (*result.findings, *more)
    return dataclasses.replace(result, findings=findings, verdict=gate(findings, catalogue().controls))


@pytest.mark.parametrize("name", ["SNC", "snc", "secnumcloud", "SecNumCloud"])
def test_a_framework_has_a_key_and_words(name: str) -> None:
    found = chosen(catalogue(), [name], [])
    assert "NET-02" in found and len(found) < len(catalogue().controls)
    assert {one for one in found if catalogue()[one].owner == "C"} == chosen(catalogue(), [name], ["customer"])


def test_none_named_is_all() -> None:
    assert chosen(catalogue(), [], []) == set(catalogue().controls)


@pytest.mark.parametrize("name", ["nist", "", "R1", "secnum"])  # "nist" is in "administration"
def test_no_framework_is_guessed(name: str) -> None:
    with pytest.raises(InputError) as refused:
        chosen(catalogue(), [name], [])
    assert (refused.value.code, "SNC" in refused.value.hint) == ("SOC-3104", True)


@pytest.mark.parametrize("stack", STACKS)
def test_parts_make_the_whole(stack: str) -> None:
    whole = judged(stack)
    parts = [narrowed(whole, chosen(catalogue(), [], [owner])) for owner in ("customer", "shared", "provider")]
    assert sum(len(part.findings) for part in parts) == len(whole.findings)
    assert sum(part.rules_run for part in parts) == whole.rules_run
    assert sum(len(part.judgements) for part in parts) == len(whole.judgements)
    assert narrowed(whole, catalogue().controls) == whole


def test_a_failure_elsewhere_does_not_block_a_part() -> None:
    result = failing(judged(), "edge")
    assert not narrowed(result, {"NET-02"}).verdict.go
    assert narrowed(result, {"NET-03"}).verdict.go


def evidence_of(result: Assessment, folder: Path) -> Path:
    folder.mkdir()
    (folder / "findings.json").write_text(json.dumps([dataclasses.asdict(one) for one in records(result)]))
    seal(folder, {})
    return folder


def test_only_what_got_worse_blocks(tmp_path: Path) -> None:
    before = statuses(evidence_of(failing(judged(), "edge"), tmp_path / "before"))
    same = since(failing(judged(), "edge"), before).verdict
    assert same.go and [one.subject for one in same.known] == ["edge"] and not same.blocking
    assert not since(failing(judged(), "edge", seen="open to the world"), before).verdict.go
    worse = since(failing(judged(), "edge", "media"), before).verdict
    assert not worse.go and [one.subject for one in worse.blocking] == ["media"]


def test_the_verb_takes_all_of_it(stack_file, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    file = str(stack_file(access={"from": ["0.0.0.0/0"]}))
    plain = CliRunner().invoke(check, [file])
    assert isinstance(plain.exception, GateRefused)
    told = json.loads(CliRunner().invoke(check, [file, "--json"]).stdout)
    folder = tmp_path / "evidence"
    folder.mkdir()
    (folder / "findings.json").write_text(json.dumps(told["findings"]))
    assert isinstance(CliRunner().invoke(check, [file, "--baseline", str(folder)]).exception, InputError)
    seal(folder, {})
    again = CliRunner().invoke(check, [file, "--baseline", str(folder)])
    assert again.exit_code == 0, again.output
    assert "FAILED, as in the baseline" in again.output
    assert CliRunner().invoke(check, [file, "--framework", "RGAA"]).exit_code == 0
