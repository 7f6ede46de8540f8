"""One standing per control, over its phases: the worst wins, and what nobody looked at is not assessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from socle.policy.catalogue import Catalogue, Control
from socle.policy.finding import Finding, Judgement, Standing
from socle.policy.outcome import Status

# worst first
_ORDER: tuple[Standing, ...] = ("failed", "waived", "unknown", "passed", "not_applicable")


def judge(catalogue: Catalogue, findings: Iterable[Finding]) -> tuple[Judgement, ...]:
    """A judgement for every row of the catalogue, judged or not."""
    by_control: dict[str, list[Finding]] = {}
    for finding in findings:
        by_control.setdefault(finding.control, []).append(finding)
    return tuple(_judged(control, by_control.get(control.id, [])) for control in catalogue.controls.values())


def _judged(control: Control, findings: list[Finding]) -> Judgement:
    phases: dict[str, Standing] = {}
    for phase in control.phases:
        here = [finding for finding in findings if finding.phase == phase]
        if phase == "process":
            phases[phase] = "statement"
        else:
            phases[phase] = _worst(here) if here else "not_assessed"
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
    }
    return names[finding.status]


def _overall(phases: Mapping[str, Standing], findings: list[Finding]) -> Standing:
    standing = {phase: phases[phase] for phase in phases if phase != "process"}
    if not standing:
        return "statement"
    for phase, value in standing.items():
        if value == "unknown" and _settled(phase, standing, findings):
            standing[phase] = "passed"
    values = set(standing.values())
    for bad in ("failed", "waived", "unknown"):
        if bad in values:
            return bad
    if values == {"not_assessed"}:
        return "not_assessed"
    if "not_assessed" in values:
        return "partly" if "passed" in values else "not_assessed"
    return "passed" if "passed" in values else "not_applicable"


def _settled(phase: str, standing: Mapping[str, Standing], findings: list[Finding]) -> bool:
    """True when every unknown of the phase was left to phases that then passed."""
    open_ = [f for f in findings if f.phase == phase and f.status is Status.UNKNOWN]
    return bool(open_) and all(f.settled_in != phase and standing.get(f.settled_in or "") == "passed" for f in open_)
