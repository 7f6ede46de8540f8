"""Operations in words: a table by kind of resource, then by name whatever is not simply new."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from socle.engine.operations import Operation, changes, counts
from socle.messages import _
from socle.table import table

KINDS = ("created", "changed", "replaced", "deleted")
HEADS = {"created": "made", "changed": "changed", "replaced": "replaced", "deleted": "deleted"}
CHANGES_SHOWN = 60


def in_words(found: Sequence[Operation]) -> str:
    """What people read before they say yes. Empty when the cloud stays as it is."""
    touching = changes(found)
    if not touching:
        return ""
    by_title: dict[str, list[Operation]] = defaultdict(list)
    for one in touching:
        by_title[one.title].append(one)
    rows: list[list[object]] = [
        [title, *(counts(part)[kind] or "" for kind in KINDS)] for title, part in sorted(by_title.items())
    ]
    total = counts(touching)
    rows.append([_("total"), *(total[kind] for kind in KINDS)])
    lines = [table([_("resource"), *(_(HEADS[kind]) for kind in KINDS)], rows)]
    if others := _by_name([one for one in touching if one.kind != "created"]):
        lines += ["", *others]
    return "\n".join(lines)


def _by_name(found: Sequence[Operation]) -> list[str]:
    rows: dict[str, str] = {}
    for one in found:
        about = f": {', '.join(one.diffs)}" if one.diffs else ""
        line = f"{_(HEADS[one.kind])}  {one.title} {one.name}{about}"
        rows[one.urn] = max(rows.get(one.urn, ""), line, key=len)  # of a replacement's steps, the one with reasons
    lines = list(rows.values())
    if len(lines) > CHANGES_SHOWN:
        rest = len(lines) - CHANGES_SHOWN
        lines = [*lines[:CHANGES_SHOWN], _("and {count} more, see --json").format(count=rest)]
    return lines


def sentence(found: Sequence[Operation]) -> str:
    """`12 made, 1 changed`; what is zero is left out."""
    total = counts(changes(found))
    parts = [_("{count} {what}").format(count=total[kind], what=_(HEADS[kind])) for kind in KINDS if total[kind]]
    return ", ".join(parts) or _("no change")
