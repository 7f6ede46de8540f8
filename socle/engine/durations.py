"""How long operations took on a cloud, kept from one apply to the next, so that the next plan can say how long."""

from __future__ import annotations

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from socle.engine.operations import Operation, changes
from socle.files import write_file
from socle.paths import state_dir

AT_ONCE = 16  # operations that the engine has under way at one time
KEPT = 20  # latest durations of one kind of operation


class Durations:
    """Seconds that operations took on a cloud, by type and kind, kept in `file` from one apply to the next."""

    def __init__(self, file: Path) -> None:
        """No file yet, or one that cannot be read, is no memory."""
        self._file = file
        try:
            self._seconds: dict[str, list[float]] = json.loads(file.read_text())
        except (OSError, ValueError):
            self._seconds = {}

    def add(self, key: str, seconds: float) -> None:
        self._seconds[key] = [*self._seconds.get(key, []), round(seconds, 1)][-KEPT:]

    def save(self) -> None:
        """A memory that cannot be kept costs the next plan its estimate, never this apply."""
        with suppress(OSError):
            write_file(self._file, json.dumps(self._seconds, indent=1, sort_keys=True), durable=False)

    def estimate(self, found: Sequence[Operation]) -> float | None:
        """Seconds, as one type of resource waits for another; None when nothing like it was done here before."""
        by_key: dict[str, int] = defaultdict(int)
        for one in changes(found):
            if one.op != "replace":
                by_key[key_of(one.type, one.op)] += 1
        if not by_key.keys() <= self._seconds.keys():
            return None
        return sum(statistics.median(self._seconds[key]) * math.ceil(n / AT_ONCE) for key, n in by_key.items())


def key_of(kind: str, op: str) -> str:
    return f"{kind.rpartition(':')[2]} {'delete' if 'delete' in op else 'create' if 'create' in op else op}"


def of_cloud(name: str) -> Durations:
    return Durations(state_dir() / f"durations-{name}.json")
