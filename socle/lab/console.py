"""One line per phase on stderr: what, and how long it took."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

_LOCK = threading.Lock()


def say(text: str) -> None:
    with _LOCK:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()


@contextmanager
def phase(name: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    say(f"{name:<44} {time.monotonic() - began:6.1f} s")
