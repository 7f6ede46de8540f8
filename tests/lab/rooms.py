"""Rooms that a logged-in user makes one after the other while something breaks, as Visio acknowledges them.

Each is a row in the database, written through the front, an edge, an application node and its session in the cache.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import requests

from tests.lab.people import Browser

PACE = 0.2  # seconds between two rooms
UNHURT = 201


class Rooms:
    """`made`: identifiers of the rooms that were acknowledged; `moments`: when (of the machine's monotonic clock)."""

    def __init__(self, browser: Browser) -> None:
        self.made: list[str] = []
        self.moments: list[float] = []
        self.refused: set[str] = set()  # what was answered or raised instead
        self._browser = browser
        self._more = threading.Condition()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self) -> None:
        number = 0
        while not self._ended.wait(PACE):
            number += 1  # never the same twice: what became of one that was not acknowledged is not known
            try:
                answer = self._browser.posted("rooms/", {"name": f"Essai {id(self)} {number}"}, patience=5)
            except requests.RequestException as error:
                self.refused.add(type(error).__name__)
                continue
            if answer.status_code != UNHURT:
                self.refused.add(str(answer.status_code))
                continue
            with self._more:
                self.made.append(answer.json()["id"])
                self.moments.append(time.monotonic())
                self._more.notify_all()

    def written(self, since: float, patience: float) -> None:
        """Waits until a room is acknowledged at a moment after `since`."""
        with self._more:
            came = self._more.wait_for(lambda: bool(self.moments) and self.moments[-1] > since, patience)
        assert came, f"no room is made, {patience} s after the fault: {self.refused}"

    def silence(self, since: float) -> float:
        """The longest time, in seconds, between two rooms."""
        times = [since, *(moment for moment in self.moments if moment > since), time.monotonic()]
        return max(after - before for before, after in pairwise(times))

    def lost(self) -> list[str]:
        """Rooms that were acknowledged, and are not there."""
        return [room for room in self.made if self._browser.asked(f"rooms/{room}/").status_code != requests.codes.ok]

    def end(self) -> None:
        self._ended.set()
        self._thread.join(60)


@contextmanager
def rooms(browser: Browser) -> Iterator[Rooms]:
    """Rooms are made until the block ends."""
    held = Rooms(browser)
    try:
        held.written(0, 30)
        yield held
    finally:
        held.end()
