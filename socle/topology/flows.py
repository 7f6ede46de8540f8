"""The flow matrix: the only place where a port is written.

Security-group rules, nftables rules, service configuration, probes and the flow document are all derived from it.
Ports and their meaning: LiveKit's and coturn's own documentation.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from socle.topology.tiers import TIERS


class Place(StrEnum):
    """An end of a flow that is no tier."""

    INTERNET = "internet"  # users, anywhere
    ADMINISTRATION = "administration"  # access.from
    NAMES = "names"  # resolver
    TIME = "time"  # NTP server
    MIRROR = "mirror"  # Debian packages
    REGISTRY = "registry"  # container images
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
Protocol = Literal["tcp", "udp"]
Probe = Literal["tls", "ssh", "tcp", "stun", "call"]


def span(first: int, last: int) -> str:
    """`22`, or `7882-7892`."""
    return str(first) if first == last else f"{first}-{last}"


@dataclass(frozen=True)
class Flow:
    """Who talks to whom, on which ports, and why. `probe`: how it is shown to answer from outside."""

    name: str
    source: End
    target: End
    protocol: Protocol
    first: int
    last: int
    why: str
    probe: Probe | None = None

    @property
    def port(self) -> int:
        """The port of a flow that has one; a range has no single port."""
        if self.first != self.last:
            raise ValueError(f"{self.name} is a range of ports")
        return self.first

    @property
    def ports(self) -> str:
        return span(self.first, self.last)


def flow(  # one line per flow below
    name: str,
    source: End,
    target: End,
    protocol: Protocol,
    ports: int | tuple[int, int],
    why: str,
    probe: Probe | None = None,
) -> Flow:
    first, last = ports if isinstance(ports, tuple) else (ports, ports)
    return Flow(name, source, target, protocol, first, last, why, probe)


_MEDIA_UDP = (7882, 7892)  # LiveKit's UDP mux: at least one port per vCPU
_RELAY = (49152, 65535)  # coturn's relay sockets

MATRIX: tuple[Flow, ...] = (
    # users
    flow("https", Place.INTERNET, "edge", "tcp", 443, "Pages and signalling (WebSocket) over TLS", "tls"),
    flow("media-udp", Place.INTERNET, "media", "udp", _MEDIA_UDP, "Audio and video, the shortest way", "call"),
    flow("media-tcp", Place.INTERNET, "media", "tcp", 7881, "Audio and video where UDP does not pass", "tcp"),
    flow("turn-udp", Place.INTERNET, "turn", "udp", 3478, "Relay and STUN over UDP", "stun"),
    flow("turn-tls", Place.INTERNET, "turn", "tcp", 443, "Relay for users whose network lets only TLS out", "tls"),
    # between tiers
    flow("signalling", "edge", "media", "tcp", 7880, "The edge passes WebSocket signalling on"),
    flow(
        "relayed-media", "turn", PublicOf("media"), "udp", _MEDIA_UDP, "The relay sends users' media to the media nodes"
    ),
    flow("relayed-arrival", PublicOf("turn"), "media", "udp", _MEDIA_UDP, "The same, as the media nodes see it arrive"),
    flow("relay", PublicOf("media"), "turn", "udp", _RELAY, "Media nodes answer to the relay's sockets"),
    flow("relay-return", "media", PublicOf("turn"), "udp", _RELAY, "The same, as it leaves the media nodes"),
    flow("media-bus", "media", "data", "tcp", 6379, "LiveKit's bus between nodes (Valkey over TLS)"),
    # administration
    flow(
        "administration", Place.ADMINISTRATION, "bastion", "tcp", 22, "Administrators enter by the bastion alone", "ssh"
    ),
    flow("ssh", "bastion", OTHERS, "tcp", 22, "Administration from the bastion"),
    # what every node needs around it
    flow("dhcp", EVERY, Place.DHCP, "udp", 67, "An instance asks for its address"),
    flow("dhcp-answer", Place.DHCP, EVERY, "udp", 68, "and is answered"),
    flow("names", EVERY, Place.NAMES, "udp", 53, "Name resolution"),
    flow("names-tcp", EVERY, Place.NAMES, "tcp", 53, "Name resolution, long answers"),
    flow("time", EVERY, Place.TIME, "udp", 123, "Clocks"),
    flow("mirror", EVERY, Place.MIRROR, "tcp", 3142, "Signed Debian packages from the ministry's mirror"),
    flow("registry", "media", Place.REGISTRY, "tcp", 443, "Container images, pulled by digest"),
    # inside one node
    flow("resolver-stub", Place.LOOPBACK, EVERY, "udp", 53, "systemd-resolved's local stub"),
    flow("resolver-stub-tcp", Place.LOOPBACK, EVERY, "tcp", 53, "systemd-resolved's local stub"),
    flow("time-command", Place.LOOPBACK, EVERY, "udp", 323, "chronyc talks to chronyd"),
)


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


def port(name: str) -> int:
    """The one port of a flow of the matrix, by the flow's name."""
    return next(f for f in MATRIX if f.name == name).port


def written_out(matrix: Iterable[Flow] = MATRIX, tiers: Iterable[str] | None = None) -> Flows:
    names = tuple(tiers) if tiers is not None else tuple(TIERS)
    return Flows(tuple(one for flow_ in matrix for one in _each(flow_, names)))


def _each(flow_: Flow, tiers: tuple[str, ...]) -> Iterator[Flow]:
    if flow_.source in (EVERY, OTHERS):
        yield from (replace(flow_, source=t) for t in tiers if flow_.source == EVERY or t != flow_.target)
    elif flow_.target in (EVERY, OTHERS):
        yield from (replace(flow_, target=t) for t in tiers if flow_.target == EVERY or t != flow_.source)
    else:
        yield flow_
