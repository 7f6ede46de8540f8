"""Outcomes, waivers, the gate, the memory of a verdict, and what the user sees of a refusal."""

from __future__ import annotations

import dataclasses
import ipaddress
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from socle import assess, check_cache
from socle.cli.check import check
from socle.errors import GateRefused, InputError, SocleError
from socle.graph.model import SECRET
from socle.policy import gate
from socle.policy.evaluate import evaluate
from socle.policy.finding import Finding
from socle.policy.model import Model
from socle.policy.outcome import Outcome, failed, passed, shown, unknown
from socle.policy.rule import Rule, RuleFault, rules
from socle.policy.waiver import load_waivers
from socle.stack.load import known_stacks
from tests.conftest import ROOT
from tests.models import TODAY, intended

Write = Callable[..., Path]


def a_rule(judge: Callable[[object, Model], Outcome], control: str = "NET-02") -> Rule:
    return Rule(control, "spec", "judge", judge, lambda model: ("subject",), lambda model: model, ("access", "from"))


def judged(model: Model, outcome: Outcome, control: str = "NET-02") -> tuple:  # type: ignore[type-arg]
    return evaluate(model, [a_rule(lambda _t, _m: outcome, control)], ("spec",))


def test_a_stack_open_to_the_world_is_refused_at_its_line(stack_file: Write) -> None:
    file = stack_file(access={"from": ["0.0.0.0/0"]})
    result = assess.check(str(file))
    assert not result.verdict.go
    worst = next(finding for finding in result.verdict.blocking if finding.rule == "NET-02.spec")
    line = file.read_text().splitlines()[worst.where.line - 1]
    assert "0.0.0.0/0" in line
    with pytest.raises(GateRefused) as refusal:
        gate.refuse(result.verdict)
    assert refusal.value.exit_code == 3


@pytest.mark.parametrize("block", ["0.0.0.0/0", "128.0.0.0/1", "192.0.0.0/15"])
def test_wide_sources_are_refused(stack_file: Write, block: str) -> None:
    assert not assess.check(str(stack_file(access={"from": [block]}))).verdict.go


def test_the_command_says_no_and_why(stack_file: Write) -> None:
    done = CliRunner().invoke(check, [str(stack_file(access={"from": ["0.0.0.0/0"]}))])
    assert isinstance(done.exception, GateRefused)
    assert done.output.startswith("NO GO")
    assert "NET-02" in done.output and "what to do:" in done.output
    assert max(len(line) for line in done.output.splitlines() if "/" not in line) <= 80


def test_a_rule_that_raises_is_a_fault_of_the_tool() -> None:
    def crash(_target: object, _model: Model) -> Outcome:
        raise KeyError("x")

    with pytest.raises(RuleFault) as fault:
        evaluate(intended("demo"), [a_rule(crash)], ("spec",))
    assert fault.value.exit_code == 1


def test_a_rule_without_subject_is_visibly_not_applicable() -> None:
    one = dataclasses.replace(a_rule(lambda _t, _m: passed("x")), targets=lambda model: ())
    (finding,) = evaluate(intended("demo"), [one], ("spec",))
    assert finding.status == "not_applicable"


def test_medium_failures_block_only_when_strict() -> None:
    from socle.policy.catalogue import catalogue

    findings = judged(intended("demo"), failed("seen", "expected"), "CMP-05")
    assert gate.gate(findings, catalogue().controls).go
    assert not gate.gate(findings, catalogue().controls, strict=True).go


def test_unknown_does_not_block_and_is_no_pass() -> None:
    from socle.policy.catalogue import catalogue
    from socle.policy.merge import judge

    findings = judged(intended("demo"), unknown("not seen", settled_in="runtime"))
    assert gate.gate(findings, catalogue().controls).go
    assert next(j for j in judge(catalogue(), findings) if j.control == "NET-02").standing == "unknown"


WAIVER = """waivers:
  - control: {control}
    scope: [{scope}]
    reason: the reason is written here
    compensation: and what makes up for it
    owner: somebody
    approver: {approver}
    expires: {expires}
"""


@pytest.fixture
def waivers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple]:  # type: ignore[type-arg]
    folder = tmp_path / "stacks"
    (folder / "waivers").mkdir(parents=True)
    monkeypatch.setenv("SOCLE_STACKS", str(folder))

    def write(  # type: ignore[type-arg]
        control: str = "NET-02", scope: str = "demo", expires: str = "2027-01-01", approver: str = "somebody else"
    ) -> tuple:
        text = WAIVER.format(control=control, scope=scope, expires=expires, approver=approver)
        (folder / "waivers" / "own.yaml").write_text(text)
        return load_waivers("demo", known_stacks())

    return write


def test_a_waiver_keeps_the_finding_and_lets_go(waivers: Callable[..., tuple]) -> None:  # type: ignore[type-arg]
    from socle.policy.catalogue import catalogue

    model = dataclasses.replace(intended("demo"), waivers=waivers())
    (finding,) = judged(model, failed("seen", "expected"))
    assert finding.fails and finding.waived
    assert gate.gate((finding,), catalogue().controls).go


def test_an_expired_waiver_fails(waivers: Callable[..., tuple]) -> None:  # type: ignore[type-arg]
    from socle.policy.catalogue import catalogue

    model = dataclasses.replace(intended("demo"), waivers=waivers(expires="2026-11-23"))
    (finding,) = judged(model, failed("seen", "expected"))
    assert not finding.waived and "expired" in finding.note
    assert not gate.gate((finding,), catalogue().controls).go
    result = assess.assess(model, ("spec",))
    assert "EVD-04.spec" in {f.rule for f in result.verdict.blocking}
    assert date(2026, 11, 23) < TODAY


def test_a_waiver_that_nothing_needs_fails_once_all_was_judged(waivers: Callable[..., tuple]) -> None:  # type: ignore[type-arg]
    def of_waivers(phases: tuple[str, ...], **own: str) -> list[Finding]:
        model = dataclasses.replace(intended("demo"), waivers=waivers(**own))
        return [f for f in assess.assess(model, phases).findings if f.rule == "EVD-04.spec"]  # type: ignore[arg-type]

    (needless,) = of_waivers(assess.BEFORE_APPLY, control="CMP-05")
    assert needless.fails and needless.seen == "nothing of CMP-05 fails in demo"
    assert needless.where and (Path(needless.where.file).name, needless.where.line) == ("own.yaml", 2)
    assert not of_waivers(("spec",), control="CMP-05")[0].fails, "the plan may be what it is for"
    assert not of_waivers(assess.BEFORE_APPLY, control="NET-02")[0].fails, "the machines may be what it is for"

    broken_by = next(one.broken_by for one in rules() if one.id == "CMP-05.plan")
    model = dataclasses.replace(broken_by(intended("demo")), waivers=waivers("CMP-05"))
    assert not [f for f in assess.assess(model, assess.BEFORE_APPLY).findings if f.rule == "EVD-04.spec" and f.fails]


def test_another_stack_s_waiver_does_nothing(waivers: Callable[..., tuple]) -> None:  # type: ignore[type-arg]
    assert not [w for w in waivers(scope="cnrs") if w.control == "NET-02"]


@pytest.mark.parametrize(("change", "code"), [({"control": "NET-99"}, "SOC-3101"), ({"scope": "dmeo"}, "SOC-3102")])
def test_a_waiver_that_names_nothing_is_refused(
    waivers: Callable[..., tuple],  # type: ignore[type-arg]
    change: dict[str, str],
    code: str,
) -> None:
    with pytest.raises(InputError) as error:
        waivers(**change)
    assert error.value.code == code and error.value.where is not None and error.value.where.line > 1


def test_values_are_shown_short_and_without_secrets() -> None:
    assert shown(SECRET) == "(secret)"
    assert "hunter2" not in shown("password: hunter2hunter2")
    assert "MIIE" not in shown("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----")
    assert shown(ipaddress.ip_network("0.0.0.0/0")) == "0.0.0.0/0"  # a network iterates over its addresses
    assert len(shown("x" * 1000)) <= 240


def test_an_unchanged_stack_is_remembered_and_a_changed_one_judged(
    stack_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stack_file()
    first = check_cache.remembered(str(file), strict=False)
    monkeypatch.setattr(assess, "check_loaded", lambda *_a, **_k: pytest.fail("judged again"))
    assert check_cache.remembered(str(file), strict=False) == first
    monkeypatch.undo()
    stack_file(access={"from": ["0.0.0.0/0"]})
    assert not check_cache.remembered(str(file), strict=False).verdict.go


def test_a_spoilt_memory_is_not_believed(stack_file: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_CACHE", str(tmp_path / "own"))
    file = stack_file(access={"from": ["0.0.0.0/0"]})
    assert not check_cache.remembered(str(file), strict=False).verdict.go
    (kept,) = (tmp_path / "own" / "check").glob("*.json")
    kept.write_text(kept.read_text().replace('"go": false', '"go": true'))
    assert not check_cache.remembered(str(file), strict=False).verdict.go


def test_strictness_is_part_of_the_memory(stack_file: Write) -> None:
    alone = {"bus": {"nodes": 1, "reason": "one for a while, the others will follow"}}
    file = stack_file(overrides=alone)
    assert (
        check_cache.remembered(str(file), strict=True).verdict
        != check_cache.remembered(str(file), strict=False).verdict
    )


def test_the_codes_that_are_used_are_the_codes_that_are_explained() -> None:
    import re

    from socle.codes import CODES, cloud, given, machines, proof
    from tests.conftest import ROOT

    used = {
        c
        for f in (ROOT / "socle").rglob("*.py")
        if f.parent.name != "codes"
        for c in re.findall(r'"(SOC-[1-9]\d{3})\b', f.read_text())
    }
    assert used == set(CODES)
    assert len(CODES) == sum(len(part.CODES) for part in (given, cloud, machines, proof)), "a code written twice"


def test_explain_and_rules_print() -> None:
    from socle.cli.explain import explain
    from socle.cli.rules import rules

    for code in ("NET-02", "SOC-3001", "net-02"):
        assert CliRunner().invoke(explain, [code]).exit_code == 0
    assert "plan     policies/rules/network.py:" in CliRunner().invoke(explain, ["NET-02"]).output
    for code in ("NET-02", "STO-04"):  # the second is judged through a wrapper
        places = re.findall(r"(policies/rules/\w+\.py):(\d+) (\w+)", CliRunner().invoke(explain, [code]).output)
        assert places
        for file, line, name in places:
            following = "".join((ROOT / file).read_text().splitlines(keepends=True)[int(line) - 1 :])
            assert following.startswith("@") and f"def {name}(" in following.partition("\n\n\n")[0]
    assert isinstance(CliRunner().invoke(explain, ["NET-99"]).exception, SocleError)
    rows = json.loads(CliRunner().invoke(rules, ["--json"]).output)
    assert len(rows) >= 24
