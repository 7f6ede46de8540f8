"""Whether a rule bites: it fails nothing on a good stack, and fails where its own mutation spoiled that stack."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations

from socle.policy.catalogue import Catalogue
from socle.policy.evaluate import evaluate
from socle.policy.model import Model
from socle.policy.outcome import Status
from socle.policy.rule import Rule


class Bite(StrEnum):
    BITES = "bites"
    FAILS = "fails a good stack"
    BLIND = "does not see its own mutation"
    NOTHING = "nothing to spoil in this stack"
    NO_EVIDENCE = "no evidence of its phase"
    UNDECIDED = "passes nothing here, so it need not fail"


MISTAKES = (Bite.FAILS, Bite.BLIND)  # the others prove nothing, one way or the other


@dataclass(frozen=True)
class Proof:
    rule: str
    bite: Bite


def proof(one: Rule, good: Model) -> Proof:
    return Proof(one.id, _bite(one, good))


def _bite(one: Rule, good: Model) -> Bite:
    if not good.has(one.phase):
        return Bite.NO_EVIDENCE
    before = evaluate(good, [one], [one.phase])
    if any(finding.fails and not finding.waived for finding in before):
        return Bite.FAILS
    try:
        spoiled = one.broken_by(good)
    except LookupError:
        return Bite.NOTHING
    if any(finding.fails for finding in evaluate(spoiled, [one], [one.phase])):
        return Bite.BITES
    return Bite.BLIND if any(finding.status is Status.PASSED for finding in before) else Bite.UNDECIDED


def tripped(one: Rule, good: Model, others: Iterable[Rule]) -> set[str]:
    """The rules that fail where this rule's mutation spoiled the stack; none where it finds nothing to spoil."""
    try:
        spoiled = one.broken_by(good)
    except LookupError:
        return set()
    return {finding.rule for finding in evaluate(spoiled, others, [one.phase]) if finding.fails}


def agreeing(names: Iterable[str], seen: Collection[set[str]]) -> Iterator[tuple[str, str]]:
    """Pairs of rules that failed together whenever one failed. `seen`: what failed, time after time."""
    for first, second in combinations(names, 2):
        if all((first in failed) == (second in failed) for failed in seen):
            yield first, second


def unjudged(book: Catalogue, rules: Iterable[Rule]) -> list[str]:
    """Controls that no rule judges, and that nobody may state."""
    judged = {one.control for one in rules}
    return [one.id for one in book.controls.values() if one.id not in judged and "process" not in one.phases]
