"""A second configure run of the nodes of a stack that stands: nothing changed, and where its time goes.

A task lasts since the node's task before it: so Ansible's `free` strategy goes through them. Each node's first one
is part of what comes before.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import Any

from benchmarks import timeline
from benchmarks.timeline import Span
from socle.cli.deployed import outputs_of
from socle.engine import access
from socle.nodes import run
from socle.nodes.run import Say, Summary
from socle.stack import load_stack
from socle.table import table
from socle.topology import derive

SHOWN = 15  # tasks of which the most time is


class Clock:
    """Makes a span of each event, and counts it as `run` does."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.since: dict[str, float] = {}
        self.began = time.monotonic()
        self._count = run._count

    def __call__(self, event: Mapping[str, Any], summary: Summary, say: Say) -> None:
        now = time.monotonic()
        if node := event.get("node"):
            if node in self.since:
                self.spans.append(Span(event["task"].partition(" (ANSSI")[0], self.since[node], now))
            self.since[node] = now
        self._count(event, summary, say)


def report(stack: str = "demo") -> str:
    loaded = load_stack(stack)
    outputs = outputs_of(loaded)
    clock = Clock()
    run._count = clock
    try:
        summary = run.configure(loaded, derive(loaded), outputs, access.connect(loaded))
    finally:
        run._count = clock._count
    ended = time.monotonic()
    rows = list(timeline.rows(clock.spans, clock.began, ended))
    what = f"a second configure run of {summary.nodes} nodes: {summary.changed} tasks changed something"
    return f"{what}, {ended - clock.began:.1f} s\n{table(timeline.HEAD, rows[:SHOWN])}"


if __name__ == "__main__":
    print(report(*sys.argv[1:]))
