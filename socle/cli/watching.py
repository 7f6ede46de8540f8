"""Does something again whenever files of stacks change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

LOOK = 0.5  # seconds between two looks


def changes(folders: Sequence[Path], sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
    """Once at the start, then each time that a YAML file in the folders is another than at the last look; for ever.

    A change while the caller works is seen when it asks for the next."""
    seen = _state(folders)
    yield
    while True:
        sleep(LOOK)
        if (now := _state(folders)) != seen:
            seen = now
            yield


def _state(folders: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    found = {}
    for file in (file for folder in folders for file in folder.rglob("*.y*ml")):
        try:
            status = file.stat()
        except OSError:  # an editor is replacing it: the next look tells
            continue
        found[file] = (status.st_mtime_ns, status.st_size)
    return found
