"""Waivers: a failed control that somebody accepts, for a reason, until a day. They apply after evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase

from socle.errors import InputError, Mark
from socle.policy.declared import Declared, DeclaredFile, Name, Words, documents, named, refuse_unknown
from socle.stack.yaml_marks import Document


class _Row(Declared):
    """A scope is `stack` or `stack/subject`; * stands for anything."""

    reason: Words
    compensation: Words
    owner: Name
    approver: Name


class WaiverFile(DeclaredFile):
    waivers: list[_Row]


@dataclass(frozen=True)
class Waiver:
    control: str
    scope: tuple[str, ...]
    reason: str
    compensation: str
    owner: str
    approver: str
    expires: date
    where: Mark

    @property
    def id(self) -> str:
        return named(self.control, self.where)

    def expired(self, today: date) -> bool:
        return today > self.expires

    def concerns(self, stack: str) -> bool:
        return any(fnmatchcase(stack, scope.partition("/")[0]) for scope in self.scope)

    def covers(self, control: str, stack: str, subject: str) -> bool:
        return control == self.control and any(
            fnmatchcase(stack, name) and fnmatchcase(subject, rest or "*")
            for name, _, rest in (scope.partition("/") for scope in self.scope)
        )


def load_waivers(stack: str, known: Iterable[str]) -> tuple[Waiver, ...]:
    """The waivers that concern a stack. Raises InputError on one that is not as it must be (`read`)."""
    found = [one for document in documents("waivers") for one in read(document, [*known, stack])]
    return tuple(waiver for waiver in found if waiver.concerns(stack))


def read(document: Document, known: list[str]) -> list[Waiver]:
    """Raises InputError on an unknown control or stack, one for whatever stack there is, or approved by its owner."""
    from socle.stack.explain import validate

    found = []
    for index, row in enumerate(validate(WaiverFile, document, "a waiver file").waivers):
        at = ("waivers", index)
        refuse_unknown(document, at, row, known)
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
        found.append(Waiver(**{**row.model_dump(), "scope": tuple(row.scope)}, where=document.mark(at)))
    return found
