"""Statements: what somebody says of a control that no program can see, with the document that shows it, until a day."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field

from socle.errors import InputError, Mark
from socle.policy.declared import Declared, DeclaredFile, Name, Words, documents, named, refuse_unknown
from socle.stack.model import Day

LONGEST = timedelta(days=366)  # our value: what was true then is looked at again


class _Row(Declared):
    """A scope is a stack's name; * stands for anything."""

    says: Words
    document: Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    by: Name
    made: Day


class StatementFile(DeclaredFile):
    statements: list[_Row]


@dataclass(frozen=True)
class Statement:
    """`document`: where it is shown, and its digest. `by`: a function, not a person's name."""

    control: str
    scope: tuple[str, ...]
    says: str
    document: str
    sha256: str | None
    by: str
    made: date
    expires: date
    where: Mark

    @property
    def id(self) -> str:
        return named(self.control, self.where)

    def holds(self, today: date) -> bool:
        return self.made <= today <= self.expires

    def concerns(self, stack: str) -> bool:
        return any(fnmatchcase(stack, scope) for scope in self.scope)


def load_statements(stack: str, known: Iterable[str]) -> tuple[Statement, ...]:
    """The statements that concern a stack. Raises InputError on an unknown control or stack, and on one that lasts."""
    from socle.stack.explain import validate

    found = []
    for document in documents("statements"):
        for index, row in enumerate(validate(StatementFile, document, "a file of statements").statements):
            at = ("statements", index)
            refuse_unknown(document, at, row, [*known, stack])
            if not timedelta(0) < row.expires - row.made <= LONGEST:
                raise InputError(
                    "SOC-3103",
                    "a statement holds for a year at most: {made} to {expires}",
                    where=document.mark((*at, "expires")),
                    made=row.made,
                    expires=row.expires,
                )
            found.append(Statement(**{**row.model_dump(), "scope": tuple(row.scope)}, where=document.mark(at)))
    return tuple(one for one in found if one.concerns(stack))
