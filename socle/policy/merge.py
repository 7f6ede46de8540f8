"""One standing per control, over its phases: the worst wins, and what nobody looked at is not assessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from socle.policy.catalogue import Catalogue, Control
from socle.policy.finding import Finding, Judgement, Standing
from socle.policy.outcome import Status

# worst first
_ORDER: tuple[Standing, ...] = ("failed", "waived", "unknown", "passed", "stated", "not_applicable")


def judge(catalogue: Catalogue, findings: Iterable[Finding]) -> tuple[Judgement, ...]:
    """A judgement for every row of the catalogue, judged or not."""
    by_control: dict[str, list[Finding]] = {}
    for finding in findings:
        by_control.setdefault(finding.control, []).append(finding)
    return tuple(_judged(control, by_control.get(control.id, [])) for control in catalogue.controls.values())


def _judged(control: Control, findings: list[Finding]) -> Judgement:
    phases: dict[str, Standing] = {}
    said = any(finding.phase == "process" for finding in findings)
    for phase in dict.fromkeys((*control.phases, *(("process",) if said else ()))):
        here = [finding for finding in findings if finding.phase == phase]
        nothing: Standing = "statement" if phase == "process" else "not_assessed"
        phases[phase] = _worst(here) if here else nothing
    return Judgement(control.id, _overall(phases, findings), phases)


def _worst(findings: list[Finding]) -> Standing:
    standings = {_standing(finding) for finding in findings}
    return next(one for one in _ORDER if one in standings)


def _standing(finding: Finding) -> Standing:
    if finding.waived:
        return "waived"
    names: dict[Status, Standing] = {
        Status.FAILED: "failed",
        Status.UNKNOWN: "unknown",
        Status.PASSED: "passed",
        Status.NOT_APPLICABLE: "not_applicable",
        Status.STATED: "stated",
    }
    return names[finding.status]


def _overall(phases: Mapping[str, Standing], findings: list[Finding]) -> Standing:
    standing = {phase: phases[phase] for phase in phases if phase != "process"}
    said = phases.get("process", "not_assessed")
    if not standing:
        return said
    for phase, value in standing.items():
        if value == "unknown" and (settled := _settled(phase, {**standing, "process": said}, findings)):
            standing[phase] = settled
    values = set(standing.values())
    if said == "unknown":  # a statement that no longer holds
        values.add(said)
    for bad in ("failed", "waived", "unknown", "stated"):
        if bad in values:
            return bad
    if values == {"not_assessed"}:
        return "stated" if said == "stated" else "not_assessed"
    if "not_assessed" in values:
        return "partly" if "passed" in values else "not_assessed"
    return "passed" if "passed" in values else "not_applicable"


def _settled(phase: str, standing: Mapping[str, Standing], findings: list[Finding]) -> Standing | None:
    """`passed` when every unknown of the phase was left to phases that then passed; `stated` when some were to people
    who then said so."""
    open_ = [f for f in findings if f.phase == phase and f.status is Status.UNKNOWN]
    by = {standing.get(f.settled_in or "") if f.settled_in != phase else None for f in open_}
    if not by or not by <= {"passed", "stated"}:
        return None
    return "stated" if "stated" in by else "passed"
