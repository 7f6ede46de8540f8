"""What a flow is. The flows themselves are in `matrix.py`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Place(StrEnum):
    """An end of a flow that is no tier."""

    INTERNET = "internet"  # users, anywhere
    ADMINISTRATION = "administration"  # access.from
    TRUNK = "trunk"  # the phone operator: telephony.trunk
    IDENTITY = "identity provider"  # or what stands before it
    MAIL = "mail relay"
    BALANCER = "balancer"  # the load balancer's probes: they come from the network of what it balances
    NAMES = "names"  # resolver
    TIME = "time"  # NTP server
    MIRROR = "mirror servers"  # Debian packages
    REGISTRY = "registry"  # container images
    OBJECTS = "object store"  # the cloud's own, S3
    COLLECTOR = "log collector"  # the ministry's own
    DHCP = "dhcp"  # the network's own address service
    LOOPBACK = "loopback"  # inside one node


@dataclass(frozen=True)
class PublicOf:
    """The public addresses of a tier, as another tier sees them across the router."""

    tier: str

    def __str__(self) -> str:
        return f"{self.tier} (public)"


EVERY = "every"  # each tier in turn
OTHERS = "others"  # each tier but the one at the other end

End = str | Place | PublicOf
Protocol = Literal["tcp", "udp", "vrrp"]
Probe = Literal["tls", "ssh", "tcp", "stun", "call"]
# What stands before the edge, whose object store it is, which tiers vote, what is there twice, whether Visio is there
# and whether mail is sent, in whose store its recordings are, who else is told, who watches: a flow may be there with
# one of them alone.
Way = Literal[
    "load-balancer", "virtual-address", "object-store", "own-objects", "bus-votes", "cache-votes", "database-votes",
    "logs-twice", "monitoring-twice", "visio", "mail", "downloads", "own-downloads", "collector", "watched",
]  # fmt: skip


def span(first: int, last: int) -> str:
    """`22`, or `7882-7892`; nothing for a protocol without ports."""
    return "" if not first else str(first) if first == last else f"{first}-{last}"


@dataclass(frozen=True)
class Flow:
    """Who talks to whom, on which ports, and why. `probe`: how it is shown to answer from outside. `where`: the way
    of doing things that has this flow, where not all have it."""

    name: str
    source: End
    target: End
    protocol: Protocol
    first: int
    last: int
    why: str
    probe: Probe | None = None
    where: Way | None = None

    @property
    def port(self) -> int:
        """The port of a flow that has one; a range has no single port."""
        if self.first != self.last:
            raise ValueError(f"{self.name} is a range of ports")
        return self.first

    @property
    def ports(self) -> str:
        return span(self.first, self.last)

    @property
    def ends(self) -> tuple[str, ...]:
        """The tiers at its ends."""
        ends = (end.tier if isinstance(end, PublicOf) else end for end in (self.source, self.target))
        return tuple(end for end in ends if not isinstance(end, Place))


@dataclass(frozen=True)
class Flows:
    """The matrix of one stack, `EVERY` and `OTHERS` written out."""

    flows: tuple[Flow, ...]

    def __iter__(self) -> Iterator[Flow]:
        return iter(self.flows)

    def get(self, name: str) -> Flow:
        return next(f for f in self.flows if f.name == name)

    def into(self, tier: str) -> tuple[Flow, ...]:
        """What may arrive at a tier."""
        return tuple(f for f in self.flows if f.target == tier)

    def out_of(self, tier: str) -> tuple[Flow, ...]:
        """What a tier may send."""
        return tuple(f for f in self.flows if f.source == tier)

    def reachable(self) -> tuple[Flow, ...]:
        """What must answer from outside."""
        return tuple(f for f in self.flows if f.probe is not None)
