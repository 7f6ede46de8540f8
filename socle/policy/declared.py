"""What people declare of controls, in files beside the stacks: read once, each row with its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from socle import content
from socle.errors import InputError, Mark
from socle.policy.catalogue import catalogue
from socle.stack.model import Day
from socle.stack.yaml_marks import Document

Words = Annotated[str, Field(min_length=10)]
Name = Annotated[str, Field(min_length=3)]


class Declared(BaseModel):
    """One row of such a file. A scope is `stack` or `stack/subject`; * stands for anything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    control: str
    scope: Annotated[list[str], Field(min_length=1)]
    expires: Day
    _where: Mark = PrivateAttr(default=Mark("-"))  # until it is placed

    @property
    def where(self) -> Mark:
        return self._where

    @property
    def id(self) -> str:
        """How reports name it: its control, its file, its line."""
        return f"{self.control}@{Path(self.where.file).name}:{self.where.line}"

    def __str__(self) -> str:
        return self.id

    def concerns(self, stack: str) -> bool:
        return any(fnmatchcase(stack, scope.partition("/")[0]) for scope in self.scope)


class DeclaredFile(BaseModel):
    """A file of them, under one key."""

    model_config = ConfigDict(extra="forbid", frozen=True)


Row = TypeVar("Row", bound=Declared)


def documents(kind: str) -> Iterator[Document]:
    """Every `stacks/<kind>/*.yaml`; a file of one's own comes before the house's of the same name."""
    from socle.stack.yaml_marks import read

    found: dict[str, Path] = {}
    for folder in content.search_path():
        for file in sorted((folder / kind).glob("*.yaml")):
            found.setdefault(file.name, file)
    for file in found.values():
        yield read(file, content.label(file))


def placed(
    rows: Sequence[Row], document: Document, kind: str, known: Sequence[str]
) -> Iterator[tuple[Row, tuple[str, int]]]:
    """Each with its path in the document. Raises InputError on an unknown control or stack: a typo is seen."""
    for index, row in enumerate(rows):
        at = (kind, index)
        row._where = document.mark(at)
        _refuse_unknown(document, at, row, known)
        yield row, at


def _refuse_unknown(document: Document, at: tuple[str, int], one: Declared, names: Sequence[str]) -> None:
    from socle.stack.explain import suggestion

    if one.control not in catalogue().controls:
        raise InputError(
            "SOC-3101",
            "no such control: {control}",
            where=document.mark((*at, "control")),
            hint=suggestion(one.control, list(catalogue().controls)),
            control=one.control,
        )
    for place, scope in enumerate(one.scope):
        stack = scope.partition("/")[0]
        if not any(fnmatchcase(name, stack) for name in names):
            raise InputError(
                "SOC-3102",
                "no stack has this name: {stack}",
                where=document.mark((*at, "scope", place)),
                hint=suggestion(stack, list(names)),
                stack=stack,
            )
