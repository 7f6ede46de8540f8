"""A difference as Markdown for a merge request's comment: GitLab's and GitHub's dialect, resources folded away."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from socle.compare import Change, Difference
from socle.messages import _, some
from socle.report.difference import counts, flows, groups, notes, place, read_from, value, verdict

BAR = r"\|"  # inside a table, also inside its code
SHOWN = 10  # names of one group: a forge cuts comments that grow too long


def text(found: Difference) -> str:
    return "\n\n".join(_blocks(found)) + "\n"


def _blocks(found: Difference) -> Iterator[str]:
    sides = [_code(found.old.title), _code(found.new.title)]
    yield _("### Differences: {old} to {new}").format(old=sides[0], new=sides[1])
    if not found:
        yield _("no difference")
    else:
        yield from _levels(found, sides)
    read = " → ".join(_code(read_from(origin)) for origin in (found.old, found.new))
    yield "  \n".join([read, *(_plain(note) for note in notes(found))])


def _levels(found: Difference, sides: Sequence[str]) -> Iterator[str]:
    rows = [[_code(one.key), *_both(one), _code(place(one))] for one in found.intent]
    yield from _level("intent", [_("key"), *sides, _("where")], rows)
    rows = [[_(one.part), _code(one.subject), _(one.key), *_both(one)] for one in found.topology]
    yield from _level("topology", ["", "", "", *sides], rows)
    rows = [[_(kind), _code(flow), _code(opening)] for kind, flow, opening in flows(found.flows)]
    yield from _level("flows", ["", _("flow"), _("opening")], rows)
    yield from _resources(found)
    rows = [[*judged, _plain(asked)] for *judged, asked in map(verdict, found.verdict)]
    yield from _level("verdict", [_("control"), *sides, _("requirement")], rows)


def _level(level: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        yield _("{level}: no difference").format(level=f"**{_(level).capitalize()}**")
        return
    table = [head, ["---"] * len(head), *rows]
    yield f"**{_(level).capitalize()}**"
    yield "\n".join(f"| {' | '.join(cell.replace('|', BAR) for cell in row)} |" for row in table)


def _resources(found: Difference) -> Iterator[str]:
    title = _("{level}: {counts}").format(level=_("resources").capitalize(), counts=counts(found.resources))
    listed = []
    for group in groups(found.resources):
        names = ", ".join(name if name not in group.names else _code(name) for name in some(group.names, SHOWN))
        listed.append(f"- {_(group.kind)}, {len(group.names)} {_code(group.title)}")
        listed += [f"  - {text}" for text in (*map(_code, group.inputs), names)]
    if listed:
        yield f"<details>\n<summary>{title}</summary>"
        yield "\n".join(listed)
        yield "</details>"
    else:
        yield title


def _both(change: Change) -> tuple[str, str]:
    return _code(value(change.old)), _code(value(change.new))


def _code(given: str) -> str:
    """A code span, in which nothing means anything: no HTML, no mention of a person, no link to an issue."""
    given = " ".join(given.split())
    if "`" not in given:
        return f"`{given}`"
    fence = "`" * (max(map(len, re.findall("`+", given))) + 1)
    return f"{fence} {given} {fence}"


def _plain(given: str) -> str:
    return html.escape(given, quote=False)
