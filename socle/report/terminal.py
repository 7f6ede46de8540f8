"""The verdict for a terminal: summary, failures with their remedy, unknowns. 80 columns; colour adds nothing."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby

from socle.messages import _, language
from socle.policy.catalogue import SEVERITIES, Catalogue, catalogue
from socle.policy.finding import Conclusion, Finding, Unknown

WIDTH = 80
SHOWN = 3  # subjects of one control that are written out
RED, GREEN, BOLD, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"


def lines(result: Conclusion, *, colour: bool = False) -> Iterator[str]:
    book = catalogue()
    yield from _summary(result, colour)
    blocking, reported = result.verdict.blocking, result.verdict.reported
    if blocking:
        yield from _section(_("FAILED, and blocking"), _failures(blocking, book))
    if result.verdict.known:
        yield from _section(_("FAILED, as in the baseline"), _failures(result.verdict.known, book))
    if reported:
        yield from _section(_("FAILED, reported only (medium or low; --strict blocks them)"), _failures(reported, book))
    if result.verdict.waived:
        yield from _section(_("FAILED, and waived"), _waived(result.verdict.waived))
    if unknowns := result.tally.unknowns:
        yield from _section(_("UNKNOWN: never a pass; who settles it"), _unknowns(unknowns))
    if stated := [one.control for one in result.judgements if one.standing == "stated"]:
        yield from _section(_("STATED by people, seen by no program"), _wrapped(", ".join(stated), 0))


def _summary(result: Conclusion, colour: bool) -> Iterator[str]:
    go = result.verdict.go
    word = _("GO") if go else _("NO GO")
    if colour:
        word = f"{BOLD}{GREEN if go else RED}{word}{PLAIN}"
    yield f"{word}  {result.stack} ({result.file}), {result.organisation}"
    standings = Counter(judgement.standing for judgement in result.judgements)
    judged, statuses = result.tally.controls, Counter(result.tally.statuses)
    yield _("{rules} rules over {controls} controls, phases: {phases}").format(
        rules=result.rules_run, controls=judged, phases=", ".join(result.phases)
    )
    yield _("controls: {failed} failed, {waived} waived, {unknown} unknown, {passed} passed where judged").format(
        failed=standings["failed"],
        waived=standings["waived"],
        unknown=standings["unknown"],
        passed=standings["passed"] + standings["partly"],
    )
    yield _("observations: {passed} passed, {failed} failed, {unknown} unknown, {none} not applicable").format(
        passed=statuses["passed"],
        failed=statuses["failed"],
        unknown=statuses["unknown"],
        none=statuses["not_applicable"],
    )
    yield _("evidence: {digest}").format(digest=result.digest[:16])


def _section(title: str, body: Iterable[str]) -> Iterator[str]:
    yield ""
    yield title
    yield from body


def _failures(findings: Iterable[Finding], book: Catalogue) -> Iterator[str]:
    order = {severity: rank for rank, severity in enumerate(SEVERITIES)}
    ranked = sorted(findings, key=lambda f: (order[book[f.control].severity], f.control))
    for control, group in groupby(ranked, key=lambda f: f.control):
        row, members = book[control], list(group)
        yield from _wrapped(f"{control} ({_(row.severity)}) {row.text(language())}", 0)
        for finding in members[:SHOWN]:
            yield from _wrapped(f"{finding.where}: {finding.subject}", 2)
            yield from _wrapped(_("seen: {seen}").format(seen=finding.seen), 4)
            yield from _wrapped(_("expected: {expected}").format(expected=finding.expected), 4)
            if finding.program:
                yield from _wrapped(_("made at: {place}").format(place=finding.program), 4)
            if finding.note:
                yield from _wrapped(finding.note, 4)
        if len(members) > SHOWN:
            yield "  " + _("and {count} more").format(count=len(members) - SHOWN)
        if row.remediation:
            yield from _wrapped(_("what to do: {remedy}").format(remedy=row.remediation), 2)


def _waived(findings: Iterable[Finding]) -> Iterator[str]:
    for (control, waiver), group in groupby(findings, key=lambda f: (f.control, f.waiver)):
        members = list(group)
        yield from _wrapped(f"{control} {members[0].subject}: {members[0].seen} ({len(members)}, {waiver})", 0)


def _unknowns(unknowns: Iterable[Unknown]) -> Iterator[str]:
    for one in unknowns:
        who = _("a signed statement") if one.settled_in == "process" else one.settled_in
        text = _("{name}: {text}").format(name=f"{one.control} -> {who}", text=one.seen)
        yield textwrap.shorten(text, WIDTH - 6, placeholder="...") + (f" ({one.count})" if one.count > 1 else "")


def _wrapped(text: str, indent: int) -> list[str]:
    """Wrapped at 80 columns; a long path is never broken."""
    return textwrap.wrap(
        text, WIDTH, initial_indent=" " * indent, subsequent_indent=" " * (indent + 2),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip
