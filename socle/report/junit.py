"""JUnit XML: one suite per stack and control, one case per phase and subject."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment, Finding
from socle.policy.outcome import Status

UNJUDGED = (Status.UNKNOWN, Status.NOT_APPLICABLE, Status.STATED)


def text(*results: Assessment) -> str:
    """Of several stacks, suites and cases name theirs."""
    several = len(results) > 1
    suites = [suite for one in results for suite in _suites(one, f"{one.stack}: " if several else "")]
    tools = dict.fromkeys(one.tool for one in results)
    name = " ".join([*tools, *(one.stack for one in results)])
    head = f"<testsuites name={_attribute(name)} {_counts([f for one in results for f in one.findings])}>"
    return "\n".join(['<?xml version="1.0" encoding="UTF-8"?>', head, *suites, "</testsuites>", ""])


def _suites(result: Assessment, prefix: str) -> Iterator[str]:
    book = catalogue()
    ranked = sorted(result.findings, key=lambda f: f.control)
    for control, group in groupby(ranked, key=lambda f: f.control):
        members = list(group)
        cases = "\n".join(_case(finding, prefix) for finding in members)
        yield (
            f"  <testsuite name={_attribute(f'{prefix}{control} {book[control].requirement}')} {_counts(members)}>\n"
            f"{cases}\n  </testsuite>"
        )


def _counts(findings: list[Finding]) -> str:
    failures = sum(1 for f in findings if f.fails and not f.waived)
    skipped = sum(1 for f in findings if f.waived or f.status in UNJUDGED)
    return f'tests="{len(findings)}" failures="{failures}" errors="0" skipped="{skipped}"'


def _case(finding: Finding, prefix: str) -> str:
    place = f' file={_attribute(finding.where.file)} line="{finding.where.line}"' if finding.where else ""
    head = f"    <testcase classname={_attribute(finding.rule)} name={_attribute(prefix + finding.subject)}{place}"
    seen = f"seen: {finding.seen}; expected: {finding.expected}"
    if finding.waived:
        return f"{head}><skipped message={_attribute(f'waived by {finding.waiver}; {seen}')}/></testcase>"
    if finding.fails:
        where = f"{finding.where}: " if finding.where else ""
        body = escape(_clean(f"{where}{seen} {finding.note}".strip()))
        return f"{head}><failure message={_attribute(finding.seen)}>{body}</failure></testcase>"
    if finding.status is Status.UNKNOWN:
        why = f"unknown, settled in {finding.settled_in}: {finding.seen}"
        return f"{head}><skipped message={_attribute(why)}/></testcase>"
    if finding.status is Status.NOT_APPLICABLE:
        return f"{head}><skipped message={_attribute(f'not applicable: {finding.seen}')}/></testcase>"
    if finding.status is Status.STATED:
        return f"{head}><skipped message={_attribute(f'stated, not seen: {finding.seen}')}/></testcase>"
    return f"{head}/>"


def _attribute(value: str) -> str:
    return quoteattr(_clean(value))


def _clean(value: str) -> str:
    """XML has no place for control characters."""
    return "".join(c for c in value if c in "\t\n" or ord(c) >= 32)
