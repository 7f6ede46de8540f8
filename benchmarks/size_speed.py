"""The sizing model, once imported: the smallest organisation and the whole State, median of many runs."""

from __future__ import annotations

import statistics
import time

from socle.topology.sizing import Demand, size

RUNS = 50
AIM = "50"
DEMANDS = {
    "100 people": Demand(100),
    "5.7 million, three zones, everything": Demand(
        5_700_000, availability_zones=3, recording=True, transcription=True, subtitles=True, telephony=True
    ),
}
Row = tuple[str, str, str]


def rows() -> list[Row]:
    return [(f"sizing of {what}", f"{_median(demand):.2f}", AIM) for what, demand in DEMANDS.items()]


def _median(demand: Demand) -> float:
    """Milliseconds."""
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        size(demand)
        taken.append((time.perf_counter() - started) * 1000)
    return statistics.median(taken)
