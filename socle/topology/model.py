"""The derived types. All addresses are plain strings, so that every value prints as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from socle.topology.flows import Flows
from socle.topology.tiers import Level


@dataclass(frozen=True)
class Volume:
    """A block volume of one node; `size` in GiB."""

    name: str
    size: int
    mount: str


@dataclass(frozen=True)
class Node:
    """`address`: its fixed address on its tier's network."""

    name: str
    tier: str
    zone: str
    number: int
    address: str
    volume: Volume | None = None


@dataclass(frozen=True)
class Network:
    """One private network per tier, with one subnet."""

    name: str
    tier: str
    cidr: str
    gateway: str


@dataclass(frozen=True)
class Tier:
    """The identical nodes that do one job. `because`: what bound their number, or the written reason for another."""

    name: str
    title: str
    nodes: tuple[Node, ...]
    network: Network
    flavour: str
    image: str
    public: bool
    level: Level
    carries_calls: bool
    because: str


@dataclass(frozen=True)
class Record:
    """A public name, and the tier whose public addresses it has."""

    fqdn: str
    tier: str


@dataclass(frozen=True)
class Secret:
    """A secret's existence; its value lives only in the stack's vault. `tiers`: who is handed it."""

    name: str
    kind: Literal["token", "ssh-key", "certificate"]
    tiers: tuple[str, ...]
    names: tuple[str, ...] = ()  # of a certificate: what it is valid for


@dataclass(frozen=True)
class Topology:
    stack: str
    domain: str
    cidr: str
    tiers: tuple[Tier, ...]
    flows: Flows
    records: tuple[Record, ...]
    secrets: tuple[Secret, ...]
    places: dict[str, tuple[str, ...]]  # a Place -> its CIDR blocks
    not_deployed: tuple[str, ...]  # asked for in the stack file, not deployed by this version

    @property
    def nodes(self) -> tuple[Node, ...]:
        return tuple(node for tier in self.tiers for node in tier.nodes)

    @property
    def networks(self) -> tuple[Network, ...]:
        return tuple(tier.network for tier in self.tiers)

    def tier(self, name: str) -> Tier:
        return next(tier for tier in self.tiers if tier.name == name)

    def node(self, name: str) -> Node:
        return next(node for node in self.nodes if node.name == name)

    def record(self, name: str) -> Record:
        """The public name of a service: `visio`, `signalling` or `turn`."""
        prefix = {"visio": "", "signalling": "livekit.", "turn": "turn."}[name]
        return next(record for record in self.records if record.fqdn == prefix + self.domain)
