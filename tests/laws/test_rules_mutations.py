"""Every rule, on a good stack and on one that its own mutation spoiled; and on every stack file of the house."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest

from socle import assess
from socle.policy.catalogue import catalogue
from socle.policy.evaluate import evaluate
from socle.policy.model import Model
from socle.policy.outcome import PHASES, Phase, Status
from socle.policy.proof import MISTAKES, agreeing, proof, tripped, unjudged
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
def test_on_every_stack_rules_pass_what_is_good_and_see_what_is_spoiled(stack: str) -> None:
    assert not [one for one in (proof(rule, running(stack)) for rule in RULES) if one.bite in MISTAKES]


@pytest.mark.parametrize("phase", PHASES)
def test_no_two_rules_always_agree(phase: Phase) -> None:
    """Else one of them says nothing of its own. Tried on small stacks; who agrees there is tried on a ministry's."""
    of_phase = {one.id: one for one in RULES if one.phase == phase}
    trips = [next(filter(None, (tripped(one, running(stack), of_phase.values()) for stack in GOOD)))
             for one in of_phase.values()]  # fmt: skip
    for pair in agreeing(of_phase, trips):
        both = [of_phase[name] for name in pair]
        assert not list(agreeing(pair, [tripped(one, running(MINISTRY), both) for one in both])), pair


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
    assert not unjudged(catalogue(), RULES), "write a rule, or say `process` in the control's phases"
