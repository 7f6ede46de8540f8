"""`socle check` beside the checkov command line, with the same plan rules on the same resources.

User plus system seconds of the process and its children, and wall seconds: median of five runs. `cold` has an
empty cache (the program is captured, everything is judged); `unchanged` is the next run.
"""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

RUNS = 5
STACK = "demo"
Row = tuple[str, str, str, str]


def measured(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Processor and wall seconds of one run. Exit 3 (no go) and checkov's 1 (failures) are answers too."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{command[0]}: {done.returncode}: {done.stderr[-300:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def median(runs: Callable[[], tuple[float, float]]) -> tuple[float, float]:
    seen = [runs() for _ in range(RUNS)]
    return statistics.median(cpu for cpu, _ in seen), statistics.median(wall for _, wall in seen)


def rows() -> list[Row]:
    socle = str(Path(sys.executable).with_name("socle"))
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as name:
        folder = Path(name)
        environment = {**os.environ, "SOCLE_CACHE": str(folder / "cache"), "SOCLE_LANG": "en"}
        check = [socle, "check", STACK]

        def cold() -> tuple[float, float]:
            shutil.rmtree(folder / "cache", ignore_errors=True)
            return measured(check, environment)

        seen = [("socle --help", median(lambda: measured([socle, "--help"], environment)), "0.15")]
        seen.append((f"socle check {STACK}, cold", median(cold), "1"))
        seen.append((f"socle check {STACK}, unchanged", median(lambda: measured(check, environment)), "0.4"))
        seen += _checkov(folder)
    return [(what, f"{cpu:.2f}", f"{wall:.2f}", aim) for what, (cpu, wall), aim in seen]


def _checkov(folder: Path) -> list[tuple[str, tuple[float, float], str]]:
    from socle.errors import MachineError
    from socle.graph.capture import capture
    from socle.policy import checkov_adapter
    from socle.policy.model import Model
    from socle.stack import load_stack
    from socle.topology import derive

    loaded = load_stack(STACK)
    topology = derive(loaded)
    graph = capture(loaded, topology)
    place = folder / "checkov"
    place.mkdir()
    checkov_adapter.write(place, graph, Model(loaded, topology, date.today(), graph=graph))
    try:
        command = checkov_adapter.command(place)
    except MachineError as error:
        print(f"checkov is not measured: {error}", file=sys.stderr)
        return []
    environment = checkov_adapter.environment(place)
    seen = median(lambda: measured(command, environment))
    return [("checkov -f plan.json --skip-download", seen, "")]
