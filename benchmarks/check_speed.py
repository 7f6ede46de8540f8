"""`socle check` beside the checkov command line, with the same plan rules on the same resources.

User plus system seconds of the process and its children, and wall seconds. `cold` has an empty cache (the program is
captured, everything is judged); `unchanged` is the next run. One stack: median of five runs. A hundred: one run;
checkov gets a sample of them, from the smallest to the largest, unless it is given all (half an hour).
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
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

from benchmarks import full_stacks

RUNS = 5
STACK = "demo"
MANY = 100
SAMPLE = 5
LESS = 4  # times less processor time than checkov, at least
Row = tuple[str, str, str, str]
Seen = tuple[float, float]  # processor and wall seconds


def measured(command: Sequence[str], environment: Mapping[str, str]) -> Seen:
    """Exit 3 (no go) and checkov's 1 (failures) are answers too."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1, 3):
        raise SystemExit(f"{command[0]}: {done.returncode}: {done.stderr[-300:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def median(runs: Callable[[], Seen]) -> Seen:
    seen = [runs() for _ in range(RUNS)]
    return statistics.median(cpu for cpu, _ in seen), statistics.median(wall for _, wall in seen)


def rows(*, whole: bool = False) -> list[Row]:
    """`whole`: checkov is given all of the hundred."""
    with tempfile.TemporaryDirectory(prefix="socle-bench-") as name:
        return [*_one(Path(name) / "one"), *_many(Path(name) / "many", whole)]


class Checking:
    """`socle check` with a cache of its own. This Python's own Socle, wherever it is installed."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.cache = folder / "cache"
        self.environment = {**os.environ, "SOCLE_CACHE": str(self.cache), "SOCLE_LANG": "en", **environment}

    def run(self, *arguments: str) -> Seen:
        return measured([sys.executable, "-m", "socle", *arguments], self.environment)

    def cold(self, *arguments: str) -> Seen:
        shutil.rmtree(self.cache, ignore_errors=True)
        return self.run(*arguments)


def _one(folder: Path) -> list[Row]:
    check = Checking(folder)
    seen = [("socle --help", median(lambda: check.run("--help")), "0.15")]
    seen.append((f"socle check {STACK}, cold", median(lambda: check.cold("check", STACK)), "1"))
    seen.append((f"socle check {STACK}, unchanged", median(lambda: check.run("check", STACK)), "0.4"))
    if asked := _checkov(folder, [STACK]):
        seen.append((f"checkov, the plan of {STACK}", median(asked[0]), ""))
    return [_row(*one) for one in seen]


def _many(folder: Path, whole: bool) -> list[Row]:
    files = full_stacks.write(folder / "stacks", MANY)
    check = Checking(folder, SOCLE_STACKS=str(folder / "stacks"))
    cold = check.cold("check", "--all")
    found = [_row(f"socle check --all, {MANY} full stacks, cold", cold, "")]
    found.append(_row("the same, unchanged", check.run("check", "--all"), "3"))
    sample = files if whole else [files[round(place * (MANY - 1) / (SAMPLE - 1))] for place in range(SAMPLE)]
    if asked := _checkov(folder, [str(file) for file in sample]):
        names = [file.stem for file in sample]
        ours = cold if whole else check.cold("check", *names)
        theirs = [run() for run in asked]
        cpu, wall = sum(c for c, _ in theirs), sum(w for _, w in theirs)
        found.append(_row(f"socle check of {len(sample)} of them, smallest to largest, cold", ours, ""))
        found.append(_row(f"checkov, the plans of these {len(sample)}", (cpu, wall), ""))
        found.append(("processor time of checkov, in those of socle", f"{cpu / ours[0]:.1f}", "", f"{LESS} or more"))
    return found


def _row(what: str, seen: Seen, aim: str) -> Row:
    return what, f"{seen[0]:.2f}", f"{seen[1]:.2f}", aim


def _checkov(folder: Path, stacks: Sequence[str]) -> list[Callable[[], Seen]]:
    """One run for each stack, its plan written beforehand; none where checkov is missing."""
    from socle.errors import MachineError
    from socle.graph.capture import capture
    from socle.policy import checkov_adapter
    from socle.policy.model import Model
    from socle.stack import load_stack
    from socle.topology import derive

    runs: list[Callable[[], Seen]] = []
    for stack in stacks:
        loaded = load_stack(stack)
        topology = derive(loaded)
        graph = capture(loaded, topology)
        place = folder / f"checkov-{loaded.name}"
        place.mkdir(parents=True)
        checkov_adapter.write(place, graph, Model(loaded, topology, date.today(), graph=graph))
        try:
            command = checkov_adapter.command(place)
        except MachineError as error:
            print(f"checkov is not measured: {error}", file=sys.stderr)
            return []
        environment = checkov_adapter.environment(place)
        runs.append(lambda command=command, environment=environment: measured(command, environment))  # type: ignore[misc]
    return runs
