"""The evidence: one finding per rule and subject, and what a whole run concluded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from socle.errors import Mark
from socle.policy.outcome import Phase, Status

# Status of a control, or of one of its phases. `partly`: passed where it was judged, another phase had no evidence.
Standing = Literal["failed", "waived", "unknown", "partly", "passed", "not_applicable", "not_assessed", "statement"]


@dataclass(frozen=True)
class Finding:
    """`where`: the line of the stack file that causes it; `program`: the line that made the resource."""

    control: str
    rule: str
    phase: Phase
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
    """`go` only when nothing blocks. `blocking`: the findings that forbid any change to the cloud."""

    go: bool
    blocking: tuple[Finding, ...]
    reported: tuple[Finding, ...]
    waived: tuple[Finding, ...]


@dataclass(frozen=True)
class Assessment:
    """One run over one stack. `digest`: of everything that was judged; `rules_run`: how many rules were evaluated."""

    stack: str
    file: str
    organisation: str
    tool: str
    day: str
    digest: str
    phases: tuple[str, ...]
    rules_run: int
    findings: tuple[Finding, ...]
    judgements: tuple[Judgement, ...]
    verdict: Verdict
    unused_waivers: tuple[str, ...] = ()

    def of(self, control: str) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.control == control)

    def records(self) -> list[dict[str, Any]]:
        """Findings, each with the tool, the day and the digest of its evidence."""
        run = {"stack": self.stack, "tool": self.tool, "day": self.day, "digest": self.digest}
        return [{**finding.record(), **run} for finding in self.findings]


def finding_of(record: Mapping[str, Any]) -> Finding:
    """A finding from its record."""
    names = Finding.__dataclass_fields__
    values = {name: record[name] for name in names if name in record}
    for name in ("where", "program"):
        if values.get(name) is not None:
            values[name] = Mark(**values[name])
    return Finding(**{**values, "status": Status(values["status"])})
