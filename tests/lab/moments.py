"""When something was seen to work, while something else breaks."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

STEADY = 10.0  # seconds without a gap, after which it goes on
GAP = 2.0  # seconds; a shorter one is nobody's fault


class Moments:
    """Times of the machine's monotonic clock, in seconds."""

    def __init__(self) -> None:
        self.gap = GAP
        self._times: list[float] = []
        self._more = threading.Condition()

    def add(self, moment: float) -> None:
        with self._more:
            self._times.append(moment)
            self._more.notify_all()

    def after(self, since: float) -> list[float]:
        return [moment for moment in self._times if moment > since]

    def usual(self, since: float) -> None:
        """Nothing was broken since then: a gap up to twice the longest one is the busy machine's."""
        self.gap = max(GAP, 2 * self.silence(since))

    def first(self, patience: float) -> None:
        with self._more:
            assert self._more.wait_for(lambda: bool(self._times), patience), f"nothing works, after {patience} s"

    def steady(self, since: float, patience: float) -> None:
        """Waits until it has worked for a while without a gap, `since` or later."""
        with self._more:
            came = self._more.wait_for(lambda: self._works(since), patience)
        assert came, f"it does not go on, {patience} s after the fault"

    def _works(self, since: float) -> bool:
        began = since
        for before, now in pairwise([since, *self.after(since)]):
            if now - before > self.gap:
                began = now
            if now - began > STEADY:
                return True
        return False

    def silence(self, since: float) -> float:
        """The longest gap."""
        return max(now - before for before, now in pairwise([since, *self.after(since), time.monotonic()]))
