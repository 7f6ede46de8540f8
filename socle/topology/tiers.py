"""The table of tiers. Adding a tier is one entry here, its flows in the matrix, and its role in playbooks/."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from socle.stack.model import Stack

Level = Literal["minimal", "intermediary", "enhanced"]


@dataclass(frozen=True)
class Need:
    """What one node must have: vCPU, memory in GiB."""

    vcpus: int
    memory: float


@dataclass(frozen=True)
class TierKind:
    """One line of the table. `subnet`: which /24 of the stack's block. `volume`: GiB per node, 0 for none."""

    subnet: int
    title: str
    public: bool
    level: Level
    count: Callable[[Stack], int]
    need: Callable[[Stack], Need]
    volume: Callable[[Stack], int] = lambda _stack: 0
    mount: str = ""
    carries_calls: bool = False


def participants(stack: Stack) -> int:
    """People in a call at the busiest moment."""
    return max(2, math.ceil(stack.people.seats * stack.people.peak_in_call))


def _media_nodes(stack: Stack) -> int:
    # LiveKit's published benchmark: one room of 150 publishing and watching 720p takes 85 % of 16 cores. Never one node
    # alone, so that a room can be opened while a node drains.
    return max(2, math.ceil(participants(stack) / 150))


def _at_least_two(stack: Stack) -> int:
    return 1 if stack.environment == "lab" else 2


def _turn_nodes(stack: Stack) -> int:
    # coturn's own measures give about 200 relayed participants at 5 Mbit/s per 4 vCPU. Our assumption: 15 % need it.
    return max(_at_least_two(stack), math.ceil(participants(stack) * 0.15 / 200))


def _media_need(stack: Stack) -> Need:
    return Need(2, 1) if stack.environment == "lab" else Need(16, 32)


def _need(lab: Need, real: Need) -> Callable[[Stack], Need]:
    return lambda stack: lab if stack.environment == "lab" else real


_SMALL = _need(Need(1, 0.5), Need(2, 4))

TIERS: dict[str, TierKind] = {
    "bastion": TierKind(0, "Administration bastion", True, "enhanced", lambda _stack: 1, _SMALL),
    "edge": TierKind(
        1, "TLS and signalling front", True, "intermediary", _at_least_two, _need(Need(1, 0.5), Need(4, 8))
    ),
    "media": TierKind(2, "LiveKit media servers", True, "intermediary", _media_nodes, _media_need, carries_calls=True),
    "turn": TierKind(
        3, "coturn relays", True, "intermediary", _turn_nodes, _need(Need(1, 0.5), Need(4, 8)), carries_calls=True
    ),
    "data": TierKind(
        4,
        "Valkey, LiveKit's bus",
        False,
        "enhanced",
        lambda _stack: 1,
        _need(Need(1, 0.5), Need(2, 8)),
        volume=lambda stack: 1 if stack.environment == "lab" else 20,
        mount="/var/lib/valkey",
    ),
}
