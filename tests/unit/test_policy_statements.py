"""What people state: it settles what no program sees, it ends, and it never hides a failure."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from socle import assess
from socle.errors import InputError
from socle.policy.catalogue import catalogue
from socle.policy.evaluate import evaluate
from socle.policy.finding import Assessment, tally
from socle.policy.merge import judge
from socle.policy.outcome import Outcome, failed, passed, unknown
from socle.policy.rule import Rule
from socle.policy.statement import Statement, load_statements
from socle.report import dossier, junit, sarif
from socle.report.terminal import lines
from socle.stack.load import known_stacks
from tests.models import intended

STATEMENT = """statements:
  - control: {control}
    scope: [{scope}]
    says: the restore of October was done from the offline copy
    document: restore report 12
    sha256: {sha256}
    by: information security officer
    made: {made}
    expires: {expires}
"""
SHA256 = "ab" * 32
BY_PEOPLE_ALONE = "STO-13"
Stated = Callable[..., tuple[Statement, ...]]


@pytest.fixture
def stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stated:
    folder = tmp_path / "stacks" / "statements"
    folder.mkdir(parents=True)
    monkeypatch.setenv("SOCLE_STACKS", str(folder.parent))

    def write(control: str = BY_PEOPLE_ALONE, **changes: str) -> tuple[Statement, ...]:
        row = {"scope": "demo", "sha256": SHA256, "made": "2026-10-01", "expires": "2027-09-30", **changes}
        (folder / "own.yaml").write_text(STATEMENT.format(control=control, **row))
        return load_statements("demo", known_stacks())

    return write


def standing(control: str, outcome: Outcome | None, statements: tuple[Statement, ...]) -> str:
    """Of the control, after one rule said `outcome`."""
    model = dataclasses.replace(intended("demo"), statements=statements)
    given = [Rule(control, "spec", "judge", lambda _t, _m: outcome, lambda _m: ("it",), lambda m: m, ())]  # type: ignore[arg-type,return-value]
    findings = evaluate(model, given if outcome else [], ("spec",))
    return next(one.standing for one in judge(catalogue(), findings) if one.control == control)


def test_what_only_people_know_is_stated_and_never_passed(stated: Stated) -> None:
    assert standing(BY_PEOPLE_ALONE, None, ()) == "statement"
    assert standing(BY_PEOPLE_ALONE, None, stated()) == "stated"


def test_one_that_ended_or_is_of_tomorrow_is_unknown(stated: Stated) -> None:
    assert standing(BY_PEOPLE_ALONE, None, stated(expires="2026-11-23")) == "unknown"
    assert standing(BY_PEOPLE_ALONE, None, stated(made="2026-11-25")) == "unknown"


def test_who_renews_one_leaves_the_old_one_where_it_is(stated: Stated) -> None:
    old, new = stated(made="2026-01-01", expires="2026-06-30"), stated()
    for both in ((*old, *new), (*new, *old)):
        assert standing(BY_PEOPLE_ALONE, None, both) == "stated"
    assert standing(BY_PEOPLE_ALONE, None, old) == "unknown"


def test_it_settles_what_a_rule_left_to_people_and_hides_no_failure(stated: Stated) -> None:
    open_ = unknown("not seen", settled_in="process")
    assert standing("GOV-01", open_, ()) == "unknown"
    assert standing("GOV-01", open_, stated("GOV-01")) == "stated"
    assert standing("GOV-01", unknown("not seen", settled_in="runtime"), stated("GOV-01")) == "unknown"
    assert standing("GOV-01", failed("seen", "expected"), stated("GOV-01")) == "failed"
    assert standing("GOV-01", passed("seen"), stated("GOV-01")) == "passed"


def test_an_unknown_that_is_settled_is_counted_and_not_asked_for_again(stated: Stated) -> None:
    model = dataclasses.replace(intended("demo"), statements=stated("GOV-01"))
    outcome = unknown("not seen", settled_in="process")
    one = Rule("GOV-01", "spec", "judge", lambda _t, _m: outcome, lambda _m: ("it",), lambda m: m, ())
    counted = tally(evaluate(model, [one], ("spec",)))
    assert counted.statuses == {"unknown": 1, "stated": 1}
    assert (counted.unknowns, counted.controls) == ((), 1)


@pytest.mark.parametrize(
    ("change", "code", "line"),
    [
        ({"control": "NET-99"}, "SOC-3101", 2),
        ({"scope": "elsewhere"}, "SOC-3102", 3),
        ({"expires": "2027-10-03"}, "SOC-3103", 9),
        ({"expires": "2026-09-30"}, "SOC-3103", 9),
        ({"sha256": "none"}, "SOC-1104", 6),
    ],
)
def test_a_bad_one_is_refused_at_its_line(stated: Stated, change: dict[str, str], code: str, line: int) -> None:
    with pytest.raises(InputError) as refused:
        stated(**change)
    assert refused.value.code == code
    assert refused.value.where and refused.value.where.line == line


def test_every_report_says_that_it_was_stated(stated: Stated) -> None:
    model = dataclasses.replace(intended("demo"), statements=stated())
    result = assess.assess(model, assess.BEFORE_APPLY)
    assert isinstance(result, Assessment)
    assert result.digest != assess.assess(intended("demo"), assess.BEFORE_APPLY).digest
    assert result.verdict.go
    shown = "\n".join(lines(result))
    assert "STATED by people" in shown and BY_PEOPLE_ALONE in shown.partition("STATED by people")[2]
    page = dossier.html(result, model, language="en")
    assert "restore report 12" in page and SHA256 in page and "information security officer" in page
    (found,) = [one for one in json.loads(sarif.text(result))["runs"][0]["results"] if one["ruleId"] == BY_PEOPLE_ALONE]
    assert (found["kind"], found["level"]) == ("review", "none")
    assert "stated, not seen" in junit.text(result)
