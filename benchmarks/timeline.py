"""Where the time of a run goes: its operations, many under way at once, as shares of the wall clock. Pure."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Span:
    """One operation of a kind, from when the engine began it until it was done; seconds on one clock."""

    kind: str
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


STARTING, BETWEEN, ENDING = "before the first operation", "nothing under way", "after the last operation"


def shares(spans: Sequence[Span], began: float, ended: float) -> dict[str, float]:
    """Seconds of the run by kind, largest first; their sum is the run's. A moment in which several are under way counts
    for each by its part of them."""
    found: dict[str, float] = defaultdict(float)
    starts, ends = Counter(one.began for one in spans), Counter(one.ended for one in spans)
    moments = sorted({began, ended, *starts, *ends})
    first, last = (min(starts), max(ends)) if spans else (ended, ended)
    by_start = sorted(spans, key=lambda one: one.began)
    under_way: list[Span] = []
    for now, then in pairwise(moments):
        under_way = [one for one in under_way if one.ended > now]
        while by_start and by_start[0].began <= now:
            under_way.append(by_start.pop(0))
        under_way = [one for one in under_way if one.ended > now]
        if not under_way:
            found[STARTING if then <= first else ENDING if now >= last else BETWEEN] += then - now
        for one in under_way:
            found[one.kind] += (then - now) / len(under_way)
    return dict(sorted(found.items(), key=lambda row: -row[1]))


def rows(spans: Sequence[Span], began: float, ended: float) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Kind, operations, the median and the longest of them, how long the kind's first and last lie apart, share of the
    wall clock (%)."""
    by_kind: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_kind[span.kind].append(span)
    whole = max(ended - began, 1e-9)
    for kind, seconds in shares(spans, began, ended).items():
        share = f"{seconds:.1f} ({100 * seconds / whole:.0f} %)"
        if members := by_kind.get(kind):
            taken = [one.seconds for one in members]
            across = max(one.ended for one in members) - min(one.began for one in members)
            yield (
                kind,
                str(len(members)),
                f"{statistics.median(taken):.1f}",
                f"{max(taken):.1f}",
                f"{across:.1f}",
                share,
            )
        else:
            yield kind, "", "", "", "", share


HEAD = ("kind", "operations", "median s", "longest s", "first to last s", "of the wall clock, s")
