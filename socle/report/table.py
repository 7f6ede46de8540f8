"""CSV for spreadsheets: one line per finding, with what the catalogue says of its control."""

from __future__ import annotations

import csv
import io

from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment, Finding

HEAD = (
    "stack", "control", "requirement", "severity", "owner", "rule", "phase", "subject", "status", "seen", "expected",
    "settled_in", "place", "waiver", "note", "tool", "day", "evidence",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a spreadsheet would compute what begins so


def text(*results: Assessment) -> str:
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(HEAD)
    lines.writerows([_cell(one) for one in _row(result, f)] for result in results for f in result.findings)
    return written.getvalue()


def _row(result: Assessment, finding: Finding) -> tuple[object, ...]:
    control = catalogue()[finding.control]
    return (
        result.stack, control.id, control.requirement, control.severity, control.owner, finding.rule, finding.phase,
        finding.subject, finding.status.value, finding.seen, finding.expected, finding.settled_in, finding.where,
        finding.waiver, finding.note, result.tool, result.day, result.digest,
    )  # fmt: skip


def _cell(value: object) -> str:
    written = "" if value is None else str(value)
    return f"'{written}" if written.startswith(FORMULA) else written
