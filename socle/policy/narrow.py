"""A verdict over a part: of some frameworks, of some owners, or of what was not so in an earlier run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from socle.errors import InputError
from socle.policy.catalogue import Catalogue, catalogue
from socle.policy.finding import Assessment, tally
from socle.policy.gate import gate

OWNERS = {"customer": "C", "shared": "S", "provider": "P"}


def chosen(book: Catalogue, frameworks: Iterable[str], owners: Collection[str]) -> frozenset[str]:
    """Controls that transpose one of the frameworks and are one of the owners'; none named is all.

    A framework is named by its key (`SNC`) or by a word of its title (`secnumcloud`). Raises InputError.
    """
    documents = {key for name in frameworks for key in _documents(book, name)}
    letters = {OWNERS[owner] for owner in owners}
    return frozenset(
        one.id
        for one in book.controls.values()
        if (not documents or documents & {reference.partition(":")[0] for reference in one.references})
        and (not letters or one.owner in letters)
    )


def _documents(book: Catalogue, name: str) -> set[str]:
    wanted = name.casefold()
    if exact := {key for key in book.documents if key.casefold() == wanted}:
        return exact
    words = {key: re.findall(r"[\w-]{4,}", title.casefold()) for key, title in book.documents.items()}
    if found := {key for key in words if wanted in words[key]}:
        return found
    raise InputError("SOC-3104", "no framework of this name: {name}", hint=", ".join(book.documents), name=name)


def narrowed(result: Assessment, wanted: Collection[str], *, strict: bool = False) -> Assessment:
    """The same, of these controls alone."""
    findings = tuple(one for one in result.findings if one.control in wanted)
    return replace(
        result,
        findings=findings,
        rules_run=len({one.rule for one in findings if one.phase != "process"}),
        tally=tally(findings),
        judgements=tuple(one for one in result.judgements if one.control in wanted),
        verdict=gate(findings, catalogue().controls, strict=strict),
    )


def since(result: Assessment, before: Mapping[tuple[str, str], Sequence[tuple[str, str]]]) -> Assessment:
    """What failed in an earlier run already, and was seen just so, is told and blocks no more. `before`: status and
    what was seen, by rule and subject."""
    verdict = result.verdict
    known = tuple(one for one in verdict.blocking if ("failed", one.seen) in before.get((one.rule, one.subject), ()))
    blocking = tuple(one for one in verdict.blocking if one not in known)
    return replace(result, verdict=replace(verdict, go=not blocking, blocking=blocking, known=known))
