"""Flows as openings: what a security group or a node's firewall lets through; one per flow, direction, remote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from socle.topology.flows import End, Flow, Place, Protocol, PublicOf, span
from socle.topology.model import Topology

EVERYWHERE6 = "::/0"


@dataclass(frozen=True)
class Opening:
    """`remote`: a CIDR block of either family, a tier's name (its nodes), or the public addresses of a tier."""

    tier: str
    flow: str
    direction: Literal["ingress", "egress"]
    protocol: Protocol
    first: int
    last: int
    remote: str | PublicOf
    remote_is_tier: bool = False

    @property
    def ports(self) -> str:
        return span(self.first, self.last)

    @property
    def family(self) -> Literal["IPv4", "IPv6"]:
        return "IPv6" if self.remote == EVERYWHERE6 else "IPv4"

    @property
    def key(self) -> str:
        """Unique within the tier, stable across runs."""
        remote = f"public-{self.remote.tier}" if isinstance(self.remote, PublicOf) else self.remote.replace("/", "-")
        remote = "ipv6" if self.family == "IPv6" else remote
        return f"{self.direction}-{self.flow}-{remote}"


def openings(topology: Topology, tier: str) -> tuple[Opening, ...]:
    """Everything that may enter or leave the nodes of one tier, and nothing else.

    Once: two servers at one address and port are one opening, and a security group refuses the same rule twice.
    """
    found: dict[tuple[object, ...], Opening] = {}
    for one in _all(topology, tier):
        found.setdefault((one.direction, one.protocol, one.first, one.last, one.remote), one)
    return tuple(found.values())


def _all(topology: Topology, tier: str) -> Iterator[Opening]:
    for flow in topology.flows:
        if flow.target == tier and flow.source != Place.LOOPBACK:
            yield from _open(topology, tier, flow, "ingress", flow.source)
        if flow.source == tier:
            yield from _open(topology, tier, flow, "egress", flow.target)


def _open(
    topology: Topology, tier: str, flow: Flow, direction: Literal["ingress", "egress"], other: End
) -> Iterator[Opening]:
    if isinstance(other, PublicOf):
        yield Opening(tier, flow.name, direction, flow.protocol, flow.first, flow.last, other)
    elif isinstance(other, Place):
        dual = other == Place.INTERNET and direction == "ingress" and topology.tier(tier).network.cidr6
        for block in (*topology.places[other], *([EVERYWHERE6] if dual else [])):
            yield Opening(tier, flow.name, direction, flow.protocol, flow.first, flow.last, block)
    else:
        yield Opening(tier, flow.name, direction, flow.protocol, flow.first, flow.last, other, remote_is_tier=True)
