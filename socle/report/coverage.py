"""How far each framework is covered: of its requirements that a control transposes, what became of them. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from socle.policy.catalogue import Catalogue
from socle.policy.finding import Judgement, Standing

OURS = {"CTL", "PROJ"}  # other rows of the catalogue, and values of our own
# of the controls that transpose one requirement, the one that says least good of it speaks
WORST: tuple[Standing, ...] = (
    "failed", "waived", "unknown", "not_assessed", "statement", "stated", "partly", "passed", "not_applicable",
)  # fmt: skip


@dataclass(frozen=True)
class Coverage:
    """`chapter`: what the identifiers share before their first point, empty for the framework as a whole."""

    document: str
    chapter: str
    requirements: int
    standings: Mapping[Standing, int]


def coverage(book: Catalogue, judgements: Iterable[Judgement]) -> tuple[Coverage, ...]:
    """Frameworks in the catalogue's order, each with its chapters where its identifiers have some."""
    found = requirements(book, judgements)
    return tuple(row for document in book.documents if document in found for row in _rows(document, found[document]))


def requirements(book: Catalogue, judgements: Iterable[Judgement]) -> dict[str, dict[str, list[Judgement]]]:
    """Framework -> requirement -> what became of the controls that transpose it."""
    of = {judgement.control: judgement for judgement in judgements}
    found: dict[str, dict[str, list[Judgement]]] = {}
    for control in book.controls.values():
        for reference in control.references:
            document, _colon, identifier = reference.partition(":")
            if document in book.documents and document not in OURS:
                found.setdefault(document, {}).setdefault(identifier, []).append(of[control.id])
    return found


def worst(said: Iterable[Judgement]) -> Standing:
    standings = {one.standing for one in said}
    return next(one for one in WORST if one in standings)


def _rows(document: str, of_document: Mapping[str, list[Judgement]]) -> Iterator[Coverage]:
    standings = {name: worst(said) for name, said in of_document.items()}
    yield _row(document, "", standings.values())
    chapters: dict[str, list[Standing]] = {}
    for name, one in standings.items():
        if numbered := re.match(r"(\d+)\.\d", name):
            chapters.setdefault(numbered[1], []).append(one)
    for chapter in sorted(chapters, key=int):
        yield _row(document, chapter, chapters[chapter])


def _row(document: str, chapter: str, standings: Iterable[Standing]) -> Coverage:
    counted = Counter(standings)
    return Coverage(document, chapter, counted.total(), counted)
