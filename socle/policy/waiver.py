"""Waivers: a failed control that somebody accepts, for a reason, until a day. They apply after evaluation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from socle import content
from socle.errors import InputError, Mark
from socle.policy.catalogue import catalogue
from socle.stack.model import Day


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str
    scope: Annotated[list[str], Field(min_length=1, description="`stack` or `stack/subject`; * stands for anything")]
    reason: Annotated[str, Field(min_length=10)]
    compensation: Annotated[str, Field(min_length=10)]
    owner: Annotated[str, Field(min_length=3)]
    approver: Annotated[str, Field(min_length=3)]
    expires: Day


class WaiverFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

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
        return f"{self.control}@{Path(self.where.file).name}:{self.where.line}"

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
    """The waivers that concern a stack. Raises InputError on an unknown control or stack: a typo is seen."""
    names = [*known, stack]
    found: list[Waiver] = []
    seen: set[str] = set()
    for folder in content.search_path():
        for file in sorted((folder / "waivers").glob("*.yaml")):
            if file.name in seen:
                continue
            seen.add(file.name)
            found += _read(file, names)
    return tuple(waiver for waiver in found if waiver.concerns(stack))


def _read(file: Path, known: list[str]) -> list[Waiver]:
    from socle.stack.explain import suggestion, validate
    from socle.stack.yaml_marks import read

    document = read(file, content.label(file))
    rows = validate(WaiverFile, document, "a waiver file").waivers
    waivers: list[Waiver] = []
    for index, row in enumerate(rows):
        if row.control not in catalogue().controls:
            raise InputError(
                "SOC-3101",
                "no such control: {control}",
                where=document.mark(("waivers", index, "control")),
                hint=suggestion(row.control, list(catalogue().controls)),
                control=row.control,
            )
        for place, scope in enumerate(row.scope):
            stack = scope.partition("/")[0]
            if not any(fnmatchcase(name, stack) for name in known):
                raise InputError(
                    "SOC-3102",
                    "no stack has this name: {stack}",
                    where=document.mark(("waivers", index, "scope", place)),
                    hint=suggestion(stack, known),
                    stack=stack,
                )
        values = row.model_dump()
        waivers.append(Waiver(**{**values, "scope": tuple(row.scope)}, where=document.mark(("waivers", index))))
    return waivers
