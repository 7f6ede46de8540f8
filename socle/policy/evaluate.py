"""Runs the rules over a model. A rule that raises stops the run: what could not be judged is never a verdict."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

from socle.errors import Mark, SocleError
from socle.graph import Resource
from socle.messages import _
from socle.policy.catalogue import catalogue
from socle.policy.declared import Declared
from socle.policy.finding import Finding
from socle.policy.model import Model, subject
from socle.policy.outcome import Outcome, Phase, Status, not_applicable, shown
from socle.policy.rule import Rule, RuleFault
from socle.policy.statement import in_force

WAIVERS = "EVD-04.spec"  # the rule that judges waivers


def evaluate(model: Model, rules: Iterable[Rule], phases: Iterable[Phase]) -> tuple[Finding, ...]:
    """Findings of every rule of the phases that the model has something to say about."""
    wanted = [phase for phase in phases if model.has(phase)]
    chosen = [one for one in rules if one.phase in wanted]
    findings = tuple(waived(finding, model) for one in chosen for finding in _run(one, model))
    silent = {one.id for one in chosen} - {finding.rule for finding in findings}
    if silent:
        raise RuleFault("SOC-3002", "rules that said nothing: {rules}", rules=", ".join(sorted(silent)))
    return (*findings, *_stated(model))


def _stated(model: Model) -> Iterator[Finding]:
    """What people say: nobody asks a program whether it is so, only whether it was said, by whom, and until when."""
    for one in in_force(model.statements, model.today):
        holds = one.holds(model.today)
        seen = f"{one.by}, {one.made}: {one.says}" if holds else f"{one.by} said so from {one.made} to {one.expires}"
        yield Finding(
            control=one.control,
            rule=f"{one.control}.process",
            phase="process",
            subject=model.topology.stack,
            status=Status.STATED if holds else Status.UNKNOWN,
            seen=shown(seen),
            expected=catalogue()[one.control].expected,
            settled_in=None if holds else "process",
            where=one.where,
            note=f"{one.document}{f' (sha256 {one.sha256})' if one.sha256 else ''}, until {one.expires}",
        )


def _run(one: Rule, model: Model) -> Iterator[Finding]:
    own = _where(model, one.key)
    try:
        targets = list(one.targets(model))
        if not targets:
            yield _finding(one, model, None, not_applicable("nothing of this kind in the stack"), own)
        for target in targets:
            for outcome in _outcomes(one.judge(target, model)):
                yield _finding(one, model, target, outcome, own)
    except SocleError:
        raise
    except Exception as error:
        raise RuleFault(
            "SOC-3002",
            "rule {rule} could not run: {reason}",
            hint=_("a rule that cannot run gives no verdict; this is a fault of the tool"),
            rule=f"{one.id} ({one.name})",
            reason=f"{type(error).__name__}: {error}",
        ) from error


def _outcomes(answer: Outcome | Iterable[Outcome]) -> tuple[Outcome, ...]:
    outcomes = (answer,) if isinstance(answer, Outcome) else tuple(answer)
    for outcome in outcomes:
        if not isinstance(outcome, Outcome):
            raise TypeError(f"a rule answers with outcomes, not {type(outcome).__name__}")
        if outcome.status is Status.UNKNOWN and outcome.settled_in is None:
            raise ValueError("an unknown names the phase that settles it")
    return outcomes


def _finding(one: Rule, model: Model, target: Any, outcome: Outcome, own: Mark) -> Finding:
    """`own`: the place of the rule's key; what people declare has a place of its own."""
    where = target.where if isinstance(target, Declared) else own
    return Finding(
        control=one.control,
        rule=one.id,
        phase=one.phase,
        subject=model.topology.stack if target is None else subject(target),
        status=outcome.status,
        seen=outcome.seen,
        expected=outcome.expected,
        settled_in=outcome.settled_in,
        where=where if outcome.key is None else _where(model, outcome.key),
        program=target.where if isinstance(target, Resource) else None,
    )


def _where(model: Model, key: tuple[str | int, ...]) -> Mark:
    return model.loaded.document.mark(key)


def waived(finding: Finding, model: Model) -> Finding:
    """The finding, with the waiver that accepts it. An expired waiver accepts nothing."""
    if not finding.fails:
        return finding
    matching = [w for w in model.waivers if w.covers(finding.control, model.topology.stack, finding.subject)]
    if current := next((w for w in matching if not w.expired(model.today)), None):
        return replace(finding, waiver=current.id)
    if matching:
        return replace(finding, note=f"waiver {matching[0].id} expired on {matching[0].expires}")
    return finding


def needless(findings: Collection[Finding], model: Model, phases: Collection[Phase]) -> tuple[Finding, ...]:
    """The findings, where a waiver that no failure needs fails itself: it would hide the next one.

    Only of controls that were judged in every phase of theirs: a later phase may be what the waiver is for."""
    used = {finding.waiver for finding in findings}
    seen = {
        waiver.id: waiver
        for waiver in model.waivers
        if waiver.id not in used
        and not waiver.expired(model.today)
        and {*catalogue()[waiver.control].phases} - {"process"} <= {*phases}
    }
    return tuple(
        replace(f, status=Status.FAILED, seen=f"nothing of {seen[f.subject].control} fails in {model.topology.stack}")
        if f.rule == WAIVERS and f.subject in seen
        else f
        for f in findings
    )
