"""Statements: what somebody says of a control that no program can see, with the document that shows it, until a day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Annotated

from pydantic import Field

from socle.errors import InputError
from socle.policy.declared import Declared, DeclaredFile, Name, Words, documents, placed
from socle.stack.model import Day
from socle.stack.yaml_marks import Document

LONGEST = timedelta(days=366)  # our value: what was true then is looked at again


class Statement(Declared):
    """`document`: where it is shown, and its digest. `by`: a function, not a person's name."""

    says: Words
    document: Name
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] | None = None
    by: Name
    made: Day

    def holds(self, today: date) -> bool:
        return self.made <= today <= self.expires


class StatementFile(DeclaredFile):
    statements: list[Statement]


def load_statements(stack: str, known: Iterable[str]) -> tuple[Statement, ...]:
    """The statements that concern a stack. Raises InputError on an unknown control or stack, and on one that lasts."""
    found = [one for document in documents("statements") for one in _read(document, [*known, stack])]
    return tuple(one for one in found if one.concerns(stack))


def _read(document: Document, known: list[str]) -> Iterator[Statement]:
    from socle.stack.explain import validate

    rows = validate(StatementFile, document, "a file of statements").statements
    for row, at in placed(rows, document, "statements", known):
        if not timedelta(0) < row.expires - row.made <= LONGEST:
            raise InputError(
                "SOC-3103",
                "a statement holds for a year at most: {made} to {expires}",
                where=document.mark((*at, "expires")),
                made=row.made,
                expires=row.expires,
            )
        yield row


def in_force(statements: Iterable[Statement], today: date) -> tuple[Statement, ...]:
    """One of each control: the latest that holds, else the latest. Who renews one leaves the old one where it is."""
    found: dict[str, Statement] = {}
    for one in sorted(statements, key=lambda one: (one.holds(today), one.made)):
        found[one.control] = one
    return tuple(found.values())
