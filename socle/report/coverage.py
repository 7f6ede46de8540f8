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
    standing = {judgement.control: judgement.standing for judgement in judgements}
    found: dict[str, dict[str, list[Standing]]] = {}
    for control in book.controls.values():
        for reference in control.references:
            document, _colon, identifier = reference.partition(":")
            if document in book.documents and document not in OURS:
                found.setdefault(document, {}).setdefault(identifier, []).append(standing[control.id])
    return tuple(row for document in book.documents if document in found for row in _rows(document, found[document]))


def _rows(document: str, requirements: Mapping[str, list[Standing]]) -> Iterator[Coverage]:
    worst = {name: next(one for one in WORST if one in said) for name, said in requirements.items()}
    yield _row(document, "", worst.values())
    chapters: dict[str, list[Standing]] = {}
    for name, one in worst.items():
        if numbered := re.match(r"(\d+)\.\d", name):
            chapters.setdefault(numbered[1], []).append(one)
    for chapter in sorted(chapters, key=int):
        yield _row(document, chapter, chapters[chapter])


def _row(document: str, chapter: str, standings: Iterable[Standing]) -> Coverage:
    counted = Counter(standings)
    return Coverage(document, chapter, counted.total(), counted)
