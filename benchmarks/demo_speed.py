"""`make demo` as a whole, from nothing to the dossier, and the `up` after it that has nothing to do.

The lab must be down, so that nothing of anyone's is taken away; what is made here is taken down at the end. With
`--bare`, a fresh clone and empty caches: the virtual environment, the layers and the engine are built too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks import variables

ROOT = Path(__file__).parent.parent
Row = tuple[str, str, str]


def why_not() -> str:
    """The reason why it cannot be measured here, or nothing."""
    from socle.lab import world

    if os.geteuid() != 0:
        return "it needs root"
    return "the lab is up, and it is yours: socle lab down" if world.pid() else ""


def rows(*, bare: bool = False, while_up: Callable[[], None] = lambda: None) -> list[Row]:
    """`while_up` is called once the demonstration stands, before the lab is taken down."""
    if reason := why_not():
        print(f"make demo is not measured: {reason}", file=sys.stderr)
        return []
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as name:
        folder = Path(name)
        own = {"SOCLE_STATE": str(folder / "state"), "SOCLE_LANG": "en"}
        if bare:
            subprocess.run(["git", "clone", "--quiet", ROOT, folder / "clone"], check=True)
            own |= {"XDG_CACHE_HOME": str(folder / "cache"), "GOMODCACHE": str(folder / "cache/modules")}
            own |= {"GOFLAGS": "-modcacherw"}
        return _rows(folder / "clone" if bare else ROOT, {**os.environ, **own}, bare, while_up)


def _rows(checkout: Path, environment: Mapping[str, str], bare: bool, while_up: Callable[[], None]) -> list[Row]:
    socle = str(checkout / ".venv/bin/socle")
    what, aim = ("make demo, bare machine", "1500") if bare else ("make demo, layers cached", "480")
    try:
        found = [(what, _timed(["make", "demo"], checkout, environment), aim)]
        found.append(
            ("socle up demo, nothing to do", _timed([socle, "up", "demo", "--yes"], checkout, environment), "")
        )
        with variables.given(SOCLE_STATE=environment["SOCLE_STATE"]):
            while_up()
    finally:
        subprocess.run([socle, "lab", "down"], cwd=checkout, env=environment, check=False)
    return found


def _timed(command: list[str], checkout: Path, environment: Mapping[str, str]) -> str:
    started = time.monotonic()
    subprocess.run(command, cwd=checkout, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)
    return f"{time.monotonic() - started:.0f}"
