"""The evidence: one finding per rule and subject, and what a whole run concluded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from socle.errors import Mark
from socle.policy.outcome import Place, Status

# Status of a control, or of one of its phases. `partly`: passed where it was judged, another phase had no evidence.
# `statement`: to be made by somebody; `stated`: made, and it holds today.
Standing = Literal[
    "failed", "waived", "unknown", "partly", "passed", "stated", "not_applicable", "not_assessed", "statement"
]


@dataclass(frozen=True)
class Finding:
    """`where`: the line of the stack file that causes it; `program`: the line that made the resource."""

    control: str
    rule: str
    phase: Place
    subject: str
    status: Status
    seen: str = ""
    expected: str = ""
    settled_in: str | None = None
    where: Mark | None = None
    program: Mark | None = None
    waiver: str | None = None
    note: str = ""

    @property
    def fails(self) -> bool:
        return self.status is Status.FAILED

    @property
    def waived(self) -> bool:
        return self.fails and self.waiver is not None

    def record(self) -> dict[str, Any]:
        """Plain values, as JSON takes them."""
        return asdict(self)


@dataclass(frozen=True)
class Judgement:
    """What became of one control: `phases` holds the standing of each phase of its row."""

    control: str
    standing: Standing
    phases: Mapping[str, Standing]


@dataclass(frozen=True)
class Verdict:
    """`go` only when nothing blocks. `blocking`: the findings that forbid any change to the cloud; `known`: those that
    would, but failed in the baseline already."""

    go: bool
    blocking: tuple[Finding, ...]
    reported: tuple[Finding, ...]
    waived: tuple[Finding, ...]
    known: tuple[Finding, ...] = ()


@dataclass(frozen=True)
class Unknown:
    """The unknowns of one control and phase that one party settles: what the first says, and how many there are."""

    control: str
    phase: Place
    settled_in: str | None
    seen: str
    count: int


@dataclass(frozen=True)
class Tally:
    """The findings, counted: by status, and how many controls they judge."""

    statuses: Mapping[str, int]
    controls: int
    unknowns: tuple[Unknown, ...]


def tally(findings: Collection[Finding]) -> Tally:
    """An unknown that a statement settles is counted, but not listed."""
    statuses: Counter[str] = Counter()
    controls: set[str] = set()
    stated = {finding.control for finding in findings if finding.status is Status.STATED}
    unknowns: dict[tuple[str, Place, str], list[Finding]] = {}
    for finding in findings:
        statuses[finding.status.value] += 1
        if finding.phase != "process":
            controls.add(finding.control)
        settled = finding.settled_in == "process" and finding.control in stated
        if finding.status is Status.UNKNOWN and not settled:
            unknowns.setdefault((finding.control, finding.phase, finding.settled_in or ""), []).append(finding)
    rows = (
        Unknown(control, phase, settler or None, members[0].seen, len(members))
        for (control, phase, settler), members in sorted(unknowns.items())
    )
    return Tally(dict(statuses), len(controls), tuple(rows))


@dataclass(frozen=True, kw_only=True)
class Conclusion:
    """What one run over one stack came to. `digest`: of everything that was judged; `rules_run`: how many rules were
    evaluated."""

    stack: str
    file: str
    organisation: str
    tool: str
    day: str
    digest: str
    phases: tuple[str, ...]
    rules_run: int
    tally: Tally
    judgements: tuple[Judgement, ...]
    verdict: Verdict


@dataclass(frozen=True, kw_only=True)
class Assessment(Conclusion):
    """The conclusion and every finding that it rests on."""

    findings: tuple[Finding, ...]

    def of(self, control: str) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.control == control)
