"""How long the cloud is waited for. Tests hand over a patience of their own, with a clock that costs no time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """All in seconds."""

    accept: float = 5  # for a connection to be accepted
    answer: float = 120  # for one answer
    pauses: tuple[float, ...] = (1, 2, 4, 8)  # between the attempts at one call
    longest: float = 60  # pause that a cloud may ask for
    total: float = 180  # after which a call is not made again
    gone: float = 180  # for one thing to go: an instance or a volume still being built must finish first
    look: float = 1  # between two looks whether it is gone
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic


PATIENCE = Patience()
