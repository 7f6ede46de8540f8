"""What differences between the cloud and the applied plan do to the controls."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from socle import assess
from socle.graph.live import Difference, Seen
from socle.policy.finding import Assessment, Finding
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.values import plain


@dataclass(frozen=True)
class Change:
    """A control that the plan rules judge otherwise on the live resources. `findings`: what fails or is unknown now."""

    control: str
    before: str
    now: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Drift:
    stack: str
    differences: tuple[Difference, ...]
    controls: tuple[Change, ...]

    def document(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return {
            "stack": self.stack,
            "differences": [plain(asdict(one)) for one in self.differences],
            "controls": [
                {"control": c.control, "before": c.before, "now": c.now, "findings": [f.record() for f in c.findings]}
                for c in self.controls
            ],
        }


def judged(loaded: LoadedStack, topology: Topology, seen: Seen) -> Drift:
    """Both graphs through the same plan rules: a control is named when its standing moves, or more of it fails."""
    if not seen.differences:
        return Drift(loaded.name, (), ())
    model = assess.intended(loaded, topology, today=date.today(), graph=seen.applied)
    before, now = (assess.assess(replace(model, graph=graph), ("plan",)) for graph in (seen.applied, seen.live))
    return Drift(loaded.name, seen.differences, tuple(_changes(before, now)))


def _changes(before: Assessment, now: Assessment) -> list[Change]:
    standing = {one.control: one.phases.get("plan", "not_assessed") for one in before.judgements}
    known = {(f.control, f.subject) for f in before.findings if f.fails}
    found = []
    for one in now.judgements:
        here = one.phases.get("plan", "not_assessed")
        fresh = tuple(f for f in now.of(one.control) if f.fails and (f.control, f.subject) not in known)
        if here != standing[one.control] or fresh:
            found.append(Change(one.control, standing[one.control], here, fresh))
    return found
