"""Packets per second of a node as Socle configured it, against the same program as it comes, on the same node, bare.

For a stack that stands in the embedded cloud. Bare is without the packet filter, without the unit's limits and with the
program's own defaults. A load that neither can carry is sent through, in turns, and what the node sends in a while is
counted; the median of the pairs' ratios says what the hardening costs here, and nothing of what a node of a real cloud
can carry.
"""

from __future__ import annotations

import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from socle.cli.deployed import outputs_of
from socle.cli.verify import target_of
from socle.probe.model import Target
from socle.stack import load_stack
from socle.table import table
from socle.topology import derive

AIM = 0.95
PAIRS = 11  # the machine's own noise moves one by a quarter
BEGUN, FLOWING = 40, 1000  # seconds, and packets per second
SETTLED, LONG = 3, 5  # seconds
UNIT = "bare"


@dataclass(frozen=True)
class Standing:
    """A deployed stack, and what is needed to talk to it."""

    name: str
    target: Target

    def ask(self, node: str, script: str) -> str:
        """What a line of shell says there, as root."""
        command = [str(Path(sys.executable).with_name("socle")), "ssh", self.name, node, "sudo", "sh", "-c"]
        done = subprocess.run([*command, shlex.quote(script)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{node}: {script}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def sent(self, node: str) -> float:
        """Packets per second of UDP, once they flow."""
        end = time.monotonic() + BEGUN
        while self._sent(node, 1) < FLOWING:
            if time.monotonic() > end:
                raise SystemExit(f"{node}: nothing flows, {BEGUN} s after the load began")
        time.sleep(SETTLED)
        return self._sent(node, LONG)

    def _sent(self, node: str, seconds: int) -> float:
        cat = "grep ^Udp: /proc/net/snmp"
        said = self.ask(node, f"{cat}; sleep {seconds}; {cat}")
        head, first, _head, last = (line.split() for line in said.splitlines())
        column = head.index("OutDatagrams")
        return (int(last[column]) - int(first[column])) / seconds

    @contextmanager
    def without(self, node: str, unit: str) -> Iterator[None]:
        self.ask(node, f"systemctl stop {unit}")
        try:
            yield
        finally:
            self.ask(node, f"systemctl start {unit}")

    @contextmanager
    def bare(self, node: str, unit: str, command: Sequence[str]) -> Iterator[None]:
        """The command in the unit's place."""
        with self.without(node, unit):
            self.ask(node, f"nft flush ruleset && systemd-run --quiet --collect --unit={UNIT} {shlex.join(command)}")
            try:
                yield
            finally:
                self.ask(node, f"systemctl stop {UNIT}; systemctl restart nftables")


def standing(stack: str) -> Standing:
    loaded = load_stack(stack)
    return Standing(stack, target_of(loaded, derive(loaded), outputs_of(loaded)))


def report(what: str, ours: Callable[[], float], bare: Callable[[], float]) -> str:
    pairs = []
    for number in range(PAIRS):
        first, second = (ours, bare) if number % 2 else (bare, ours)
        found = first(), second()
        pairs.append(found if number % 2 else found[::-1])
    rows = [(f"{mine:.0f}", f"{other:.0f}", f"{mine / other:.2f}") for mine, other in pairs]
    ratio = statistics.median(mine / other for mine, other in pairs)
    shown = table(("hardened, packets/s", "bare, packets/s", "ratio"), rows)
    return f"{what}, hardened against bare: {ratio:.2f} (aim {AIM})\n{shown}"
