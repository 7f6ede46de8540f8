"""A difference for a terminal, at 80 columns, and as plain values for JSON. Nothing is said by colour."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from socle import __version__
from socle.compare import Change, Difference, FlowChange, Kind, ResourceChange, Resources
from socle.messages import _, language, some
from socle.policy.catalogue import catalogue
from socle.report.dossier import STANDINGS
from socle.stack.revision import Origin
from socle.table import table

WIDTH = 80
SHOWN = 4  # names of one group that are written out
VALUES_SHOWN = 3  # old and new values of one input over a group; when they are more, the input alone is named


@dataclass(frozen=True)
class Group:
    """Resources of one type that fare alike. `inputs`: what changed of each, with its values where they are few."""

    kind: Kind
    title: str
    names: tuple[str, ...]
    inputs: tuple[str, ...] = ()


# --- terminal ---------------------------------------------------------------------------------------------------------


def lines(found: Difference) -> Iterator[str]:
    yield table(("A", found.old.title, read_from(found.old)), [("B", found.new.title, read_from(found.new))])
    for note in notes(found):
        yield from textwrap.wrap(note, WIDTH)
    if not found:
        yield _("no difference")
        return
    arrow = "A -> B"
    rows: list[Sequence[object]] = [(one.key, place(one), moved(one.old, one.new)) for one in found.intent]
    yield from _level("intent", (_("key"), _("where"), arrow), rows)
    rows = [(_(one.part), one.subject, _(one.key), moved(one.old, one.new)) for one in found.topology]
    yield from _level("topology", ("", "", "", arrow), rows)
    yield from _level("flows", ("", _("flow"), _("opening")), [(_(kind), *row) for kind, *row in flows(found.flows)])
    yield from _resources(found.resources)
    rows = [(control, f"{old} -> {new}", asked) for control, old, new, asked in map(verdict, found.verdict)]
    yield from _level("verdict", (_("control"), arrow, _("requirement")), rows)


def _level(level: str, head: Sequence[str], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield ""
    if not rows:
        yield _("{level}: no difference").format(level=_(level).upper())
        return
    yield _(level).upper()
    yield table(head, rows)


def _resources(found: Resources) -> Iterator[str]:
    yield ""
    yield _("{level}: {counts}").format(level=_("resources").upper(), counts=counts(found))
    for group in groups(found):
        yield f"{_(group.kind)}  {len(group.names)} {group.title}"
        for text in group.inputs:
            yield from _wrapped(text, "    ")
        yield from _wrapped(", ".join(some(group.names, SHOWN)), "  ")


def _wrapped(text: str, further: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent="  ", subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )


# --- words, for the terminal and for a merge request ------------------------------------------------------------------


def read_from(origin: Origin) -> str:
    if not origin.commit:
        return origin.file
    return _("{file}, commit {commit} of {day}").format(file=origin.file, commit=origin.commit, day=origin.day)


def notes(found: Difference) -> Iterator[str]:
    """What a reader must know of how the two were compared."""
    if found.old.commit or found.new.commit:
        yield _(
            "of a revision: stack, cloud, release and waiver files; program, model and rules are today's: {tool}"
        ).format(tool=f"socle {__version__}")
    if found.put_aside:
        yield _("topology, flows and resources are compared without what is each stack's own: {keys}").format(
            keys=", ".join(found.put_aside)
        )


def place(change: Change) -> str:
    """`stacks/cnrs.yaml:9`: where the new value is written; the old one, when the new one is a default or nothing."""
    at = (change.new_at if change.new is not None else None) or change.old_at or change.new_at
    return f"{at.file}:{at.line}" if at else "-"


def moved(old: Any, new: Any) -> str:
    return f"{value(old)} -> {value(new)}"


def value(given: Any) -> str:
    """A value in one line, whole: two that differ must not look alike."""
    if given is None:
        return "-"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, dict):
        return ", ".join(f"{key} {value(item)}" for key, item in given.items()) or "-"
    if isinstance(given, list):
        return ", ".join(value(item) for item in given) or "-"
    return " ".join(str(given).split())


def flows(found: Iterable[FlowChange]) -> Iterator[tuple[Kind, str, str]]:
    """Kind, flow, opening in words: what is alike for several tiers is said once."""

    def alike(one: FlowChange) -> tuple[str, ...]:
        return one.flow, one.direction, one.remote, one.old or "", one.new or ""

    for _key, group in groupby(sorted(found, key=lambda one: (*alike(one), one.tier)), key=alike):
        members = list(group)
        one = members[0]
        ports = moved(one.old, one.new) if one.kind == "changed" else one.new or one.old
        inward, outward = _("into {tiers} from {remote}: {ports}"), _("out of {tiers} to {remote}: {ports}")
        words = inward if one.direction == "ingress" else outward
        tiers = ", ".join(member.tier for member in members)
        yield one.kind, one.flow, words.format(tiers=tiers, remote=one.remote, ports=ports)


def counts(found: Resources) -> str:
    return _("{added} added, {removed} removed, {changed} changed, {same} the same").format(
        added=len(found.added), removed=len(found.removed), changed=len(found.changed), same=len(found.same)
    )


def groups(found: Resources) -> Iterator[Group]:
    yield from _by_type("added", found.added)
    yield from _by_type("removed", found.removed)

    def alike(one: ResourceChange) -> tuple[str, list[str]]:
        return one.type, [change.key for change in one.changes]

    for (type_, keys), group in groupby(sorted(found.changed, key=alike), key=alike):
        members = list(group)
        inputs = tuple(_input([one.changes[index] for one in members]) for index in range(len(keys)))
        yield Group("changed", title(type_), tuple(one.name for one in members), inputs)


def _by_type(kind: Kind, names: Sequence[tuple[str, str]]) -> Iterator[Group]:
    for type_, group in groupby(names, key=lambda one: one[0]):
        yield Group(kind, title(type_), tuple(name for _type, name in group))


def _input(changes: Sequence[Change]) -> str:
    """`flavor_name: s1.small -> d.small, s1.medium -> d.medium`."""
    found = list(dict.fromkeys(moved(one.old, one.new) for one in changes))
    multiline = any("\n" in text for one in changes for text in (one.old, one.new) if isinstance(text, str))
    return changes[0].key if multiline or len(found) > VALUES_SHOWN else f"{changes[0].key}: {', '.join(found)}"


def title(token: str) -> str:
    """`openstack:compute/instance:Instance` -> `Instance`; a component or a provider keeps its whole token."""
    return token.rpartition(":")[2] if token.startswith("openstack:") else token


def verdict(change: Change) -> tuple[str, str, str, str]:
    """Control, its standing in both, what it asks."""
    if change.part == "gate":
        words = {True: _("GO"), False: _("NO GO")}
        return _("gate"), words[change.old], words[change.new], ""
    old, new = (_(STANDINGS[standing][1]) if standing else "-" for standing in (change.old, change.new))
    control = catalogue().controls.get(change.subject)
    return change.subject, old, new, control.text(language()) if control else ""


# --- plain values -----------------------------------------------------------------------------------------------------


def document(found: Difference) -> dict[str, Any]:
    """For JSON. Resources that are the same are counted, not listed."""
    resources = found.resources
    return {
        "same": not found,
        "tool": f"socle {__version__}",
        "old": asdict(found.old),
        "new": asdict(found.new),
        "put_aside": list(found.put_aside),
        "intent": [_record(one, "subject") for one in found.intent],
        "topology": [_record(one, "old_at", "new_at") for one in found.topology],
        "flows": [_record(one) for one in found.flows],
        "resources": {
            "added": [{"type": type_, "name": name} for type_, name in resources.added],
            "removed": [{"type": type_, "name": name} for type_, name in resources.removed],
            "changed": [
                {
                    "type": one.type,
                    "name": one.name,
                    "changes": [_record(c, "subject", "old_at", "new_at") for c in one.changes],
                }
                for one in resources.changed
            ],
            "same": len(resources.same),
        },
        "verdict": [_record(one, "old_at", "new_at") for one in found.verdict],
    }


def _record(one: Change | FlowChange, *without: str) -> dict[str, Any]:
    return {"kind": one.kind, **{key: item for key, item in asdict(one).items() if key not in without}}
