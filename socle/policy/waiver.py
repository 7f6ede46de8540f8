"""Waivers: a failed control that somebody accepts, for a reason, until a day. They apply after evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from fnmatch import fnmatchcase

from socle.errors import InputError
from socle.policy.declared import Declared, DeclaredFile, Name, Words, documents, placed
from socle.stack.yaml_marks import Document


class Waiver(Declared):
    """`owner` and `approver`: functions, and not the same."""

    reason: Words
    compensation: Words
    owner: Name
    approver: Name

    def expired(self, today: date) -> bool:
        return today > self.expires

    def covers(self, control: str, stack: str, subject: str) -> bool:
        return control == self.control and any(
            fnmatchcase(stack, name) and fnmatchcase(subject, rest or "*")
            for name, _, rest in (scope.partition("/") for scope in self.scope)
        )


class WaiverFile(DeclaredFile):
    waivers: list[Waiver]


def load_waivers(stack: str, known: Iterable[str]) -> tuple[Waiver, ...]:
    """The waivers that concern a stack. Raises InputError on one that is not as it must be (`read`)."""
    found = [one for document in documents("waivers") for one in read(document, [*known, stack])]
    return tuple(waiver for waiver in found if waiver.concerns(stack))


def read(document: Document, known: list[str]) -> list[Waiver]:
    """Raises InputError on an unknown control or stack, one for whatever stack there is, or approved by its owner."""
    from socle.stack.explain import validate

    rows = validate(WaiverFile, document, "a waiver file").waivers
    for row, at in placed(rows, document, "waivers", known):
        for place, scope in enumerate(row.scope):
            if not scope.partition("/")[0].strip("*"):
                where = document.mark((*at, "scope", place))
                raise InputError(
                    "SOC-3106", "a waiver names the stacks that it is for: {scope}", where=where, scope=scope
                )
        if row.approver.strip().casefold() == row.owner.strip().casefold():
            where = document.mark((*at, "approver"))
            raise InputError(
                "SOC-3105", "nobody approves a waiver of their own: {name}", where=where, name=row.approver
            )
    return rows
