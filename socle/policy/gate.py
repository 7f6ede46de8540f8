"""Go or no go. Stands before any change to the cloud."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from socle.errors import GateRefused
from socle.messages import _
from socle.policy.catalogue import Control
from socle.policy.finding import Finding, Verdict


def gate(findings: Iterable[Finding], controls: Mapping[str, Control], *, strict: bool = False) -> Verdict:
    """A failed control without a waiver blocks when it is critical or high; `strict`: whatever its severity."""
    failures = [finding for finding in findings if finding.fails]
    waived = tuple(finding for finding in failures if finding.waived)
    left = [finding for finding in failures if not finding.waived]
    blocking = tuple(f for f in left if strict or controls[f.control].blocking)
    reported = tuple(f for f in left if f not in blocking)
    return Verdict(not blocking, blocking, reported, waived)


def refuse(verdict: Verdict) -> None:
    """Raises GateRefused (exit 3) on a no go."""
    if verdict.go:
        return
    controls = sorted({finding.control for finding in verdict.blocking})
    lines = [f"{f.where}: {f.control} {f.subject}: {f.seen}" for f in verdict.blocking[:10]]
    raise GateRefused(
        "SOC-3001",
        _("the gate refuses this stack, controls failed: {controls}").format(controls=", ".join(controls)),
        where=verdict.blocking[0].where,
        hint="\n".join(lines),
    )
