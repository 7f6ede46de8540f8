"""Every rule, on a good stack and on one that its own mutation spoiled; and on every stack file of the house."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from itertools import combinations

import pytest

from socle import assess
from socle.policy.catalogue import catalogue
from socle.policy.evaluate import evaluate
from socle.policy.model import Model
from socle.policy.outcome import PHASES, Phase, Status
from socle.policy.rule import Rule, rules
from tests.conftest import STACKS
from tests.models import intended, running

RULES = rules()
IDS = [one.id for one in RULES]


MINISTRY = "cnrs"
GOOD = ("demo", "twozones", "cnam")  # each has what the one before leaves out: Visio itself, then every feature


def spoilt(one: Rule) -> Model:
    """The first of the good stacks in which the rule's mutation finds something to spoil."""
    for stack in GOOD[:-1]:
        with suppress(LookupError):
            return one.broken_by(running(stack))
    return one.broken_by(running(GOOD[-1]))


@pytest.mark.parametrize("one", RULES, ids=IDS)
def test_a_good_stack_does_not_fail(one: Rule) -> None:
    findings = evaluate(running("demo"), [one], PHASES)
    assert findings
    assert not [f"{f.subject}: {f.seen}" for f in findings if f.fails]


@pytest.mark.parametrize("one", RULES, ids=IDS)
def test_its_mutation_trips_it(one: Rule) -> None:
    findings = evaluate(spoilt(one), [one], PHASES)
    failed = [finding for finding in findings if finding.fails]
    assert failed, (
        f"{one.id} did not see its own mutation: {[(f.subject, str(f.status), f.seen) for f in findings][:5]}"
    )
    assert all(finding.seen and finding.expected for finding in failed)


@pytest.mark.parametrize("stack", STACKS)
def test_mutations_trip_on_every_stack_that_they_spoil(stack: str) -> None:
    """Where a rule cannot pass on the good stack, for want of what it looks at, it need not see the mutation either."""
    blind = []
    for one in RULES:
        with suppress(LookupError):
            model = one.broken_by(running(stack))
            if any(finding.fails for finding in evaluate(model, [one], PHASES)):
                continue
            if any(finding.status is Status.PASSED for finding in evaluate(running(stack), [one], PHASES)):
                blind.append(one.id)
    assert not blind


def tripped(one: Rule, stack: str, others: Iterable[Rule]) -> set[str]:
    """The rules that fail where this rule's mutation spoiled the stack; none where it finds nothing to spoil."""
    try:
        model = one.broken_by(running(stack))
    except LookupError:
        return set()
    return {finding.rule for finding in evaluate(model, others, [one.phase]) if finding.fails}


@pytest.mark.parametrize("phase", PHASES)
def test_no_two_rules_always_agree(phase: Phase) -> None:
    """Else one of them says nothing of its own. Tried on small stacks; who agrees there is tried on a ministry's."""
    of_phase = {one.id: one for one in RULES if one.phase == phase}
    trips = {name: next(filter(None, (tripped(one, stack, of_phase.values()) for stack in GOOD)))
             for name, one in of_phase.items()}  # fmt: skip

    def agree(pair: tuple[str, str], seen: Iterable[set[str]]) -> bool:
        return all((pair[0] in names) == (pair[1] in names) for names in seen)

    suspects = [pair for pair in combinations(of_phase, 2) if agree(pair, trips.values())]
    for first, second in suspects:
        both = [of_phase[first], of_phase[second]]
        assert not agree((first, second), [tripped(one, MINISTRY, both) for one in both]), (first, second)


@pytest.mark.parametrize("stack", STACKS)
def test_every_rule_says_something_about_every_stack(stack: str) -> None:
    result = assess.assess(running(stack), PHASES)
    assert {finding.rule for finding in result.findings} == set(IDS)
    assert result.rules_run == len(RULES)
    assert {judgement.control for judgement in result.judgements} == set(catalogue().controls)


@pytest.mark.parametrize("stack", STACKS)
def test_the_stacks_of_the_house_may_be_deployed(stack: str) -> None:
    result = assess.assess(intended(stack), assess.BEFORE_APPLY)
    assert result.verdict.go, [f"{f.rule} {f.subject}: {f.seen}" for f in result.verdict.blocking][:5]


@pytest.mark.parametrize("stack", STACKS)
def test_without_evidence_there_is_no_pass(stack: str) -> None:
    model = replace(intended(stack), graph=None, files=None)
    result = assess.assess(model, PHASES)
    assert {finding.phase for finding in result.findings} == {"spec"}
    for judgement in result.judgements:
        for phase in ("plan", "config", "runtime"):
            assert judgement.phases.get(phase, "not_assessed") == "not_assessed"
        if set(catalogue()[judgement.control].phases) - {"process"} - {"spec"}:
            assert judgement.standing != "passed"


def test_empty_evidence_of_the_runtime_passes_nothing() -> None:
    model = replace(intended("demo"), facts={}, probes={}, live={})
    findings = evaluate(model, RULES, ("runtime",))
    passed = [f"{f.rule} {f.subject}: {f.seen}" for f in findings if f.status is Status.PASSED]
    assert not passed


def test_a_rendered_file_that_is_missing_passes_nothing() -> None:
    model = replace(intended("demo"), files={})
    findings = evaluate(model, RULES, ("config",))
    stackwide = {"CMP-02.config", "TLS-10.config"}  # judged on the release and on the cloud file
    passed = [f"{f.rule} {f.subject}: {f.seen}" for f in findings if f.status is Status.PASSED]
    assert not [line for line in passed if line.split()[0] not in stackwide]


def test_controls_are_judged_in_every_phase() -> None:
    judged = {phase: {one.control for one in RULES if one.phase == phase} for phase in PHASES}
    assert all(len(controls) >= 5 for controls in judged.values())
    assert len({one.control for one in RULES}) >= 24
    several = [c for c in {one.control for one in RULES} if sum(one.control == c for one in RULES) > 1]
    assert len(several) >= 8
    for one in RULES:
        assert catalogue()[one.control].remediation, f"{one.control} says no remedy"
        assert catalogue()[one.control].french


def test_every_control_is_judged_or_somebody_may_state_it() -> None:
    judged = {one.control for one in RULES}
    lost = [one.id for one in catalogue().controls.values() if one.id not in judged and "process" not in one.phases]
    assert not lost, "write a rule, or say `process` in the control's phases"
