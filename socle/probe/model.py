"""What a verification looks at and what it finds. Plain values: every one prints as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, Literal

from socle.topology.model import Topology

Outcome = Literal["pass", "fail", "unknown"]
Kind = Literal["flow", "ports", "sockets", "name", "signalling", "relay"]
Path_ = Literal["direct", "turn-udp", "turn-tls"]

WORST: tuple[Outcome, ...] = ("fail", "unknown", "pass")


@dataclass(frozen=True)
class Check:
    """One observation. `subject`: a flow, a record or a path; `node`: the node it was made on, where there is one."""

    kind: Kind
    subject: str
    outcome: Outcome
    seen: str
    node: str | None = None
    expected: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Spot:
    """A node, or the front of a tier, as seen from outside: `public` is its floating address."""

    name: str
    tier: str
    fixed: str
    public: str | None


@dataclass(frozen=True)
class Target:
    """A deployed stack, and what is needed to talk to it. The secrets stay in memory."""

    topology: Topology
    spots: tuple[Spot, ...]
    fronts: tuple[Spot, ...]
    ca: Path | None  # besides the machine's own authorities
    administration: tuple[IPv4Network, ...]  # who may reach the bastion
    full_scan: bool  # every port, allowed on our own lab only
    names_server: str | None = None
    known_hosts: Path | None = None
    api_key: str = field(default="", repr=False)
    api_secret: str = field(default="", repr=False)
    turn_secret: str = field(default="", repr=False)

    def doors(self, tier: str) -> tuple[Spot, ...]:
        """Where users reach a tier: what stands before it, else its nodes."""
        return tuple(spot for spot in self.fronts if spot.tier == tier) or self.of(tier)

    def of(self, tier: str) -> tuple[Spot, ...]:
        return tuple(spot for spot in self.spots if spot.tier == tier)


@dataclass(frozen=True)
class Pair:
    """The selected candidate pair of one transport of one participant. `local`: host, srflx, prflx or relay."""

    local: str
    protocol: str  # between the client and its first hop: udp, tcp, tls
    remote: str  # address of the other end
    url: str = ""  # of the relay


@dataclass(frozen=True)
class Received:
    """What one participant got of the other: audio packets or frames, decoded video frames."""

    audio: int
    video: int


@dataclass(frozen=True)
class CallResult:
    """One call of two participants. `failure` is empty when media passed both ways along the path that was asked."""

    path: Path_
    client: str
    received: tuple[Received, ...] = ()
    pairs: tuple[Pair, ...] = ()
    relay: str | None = None  # node name
    edge: str | None = None
    connect_seconds: float = 0.0
    seconds: float = 0.0
    failure: str = ""


def worst(outcomes: list[Outcome]) -> Outcome:
    """Of nothing at all nothing is known."""
    return next((outcome for outcome in WORST if outcome in outcomes), "unknown")
