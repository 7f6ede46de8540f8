"""Rooms that a logged-in user makes one after the other while something breaks, as Visio acknowledges them.

Each is a row in the database, written through the front, an edge, an application node and its session in the cache.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from tests.lab.moments import Moments
from tests.lab.people import Browser

PACE = 0.2  # seconds between two rooms
UNHURT = 201


class Rooms(Moments):
    """When a room was acknowledged. `made`: their identifiers; `refused`: what was answered, or raised, instead."""

    def __init__(self, browser: Browser) -> None:
        super().__init__()
        self.made: list[str] = []
        self.refused: set[str] = set()
        self._browser = browser
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
            self.made.append(answer.json()["id"])
            self.add(time.monotonic())

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
        held.first(30)
        yield held
    finally:
        held.end()
