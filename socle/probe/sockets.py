"""What listens on the nodes, against the flow matrix: nothing more, and nothing missing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from socle import content
from socle.probe.model import Check, Spot
from socle.topology.flows import Flow, Place
from socle.topology.model import Topology
from socle.topology.tiers import role_of

# Sockets of these exist only while somebody uses them: a relay's allocations, a DHCP client's renewal.
ON_DEMAND = ("relay", "dhcp-answer")


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket or an unconnected UDP one. `address` as the kernel says it, without a zone."""

    protocol: str
    address: str
    port: int
    process: str = ""

    @property
    def loopback(self) -> bool:
        return not self.wildcard and _plain(self.address).is_loopback

    @property
    def wildcard(self) -> bool:
        return self.address in ("*", "") or _plain(self.address).is_unspecified

    def __str__(self) -> str:
        return f"{self.protocol} {self.address}:{self.port}" + (f" ({self.process})" if self.process else "")


def _plain(address: str):  # type: ignore[no-untyped-def]
    found = ip_address(address.strip("[]").partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def serves(flow: Flow, listener: Listener) -> bool:
    """Whether the socket is the flow's. What is for the node itself may not listen to others."""
    if flow.protocol != listener.protocol or not flow.first <= listener.port <= flow.last:
        return False
    return flow.source != Place.LOOPBACK or listener.loopback


def judge(topology: Topology, spot: Spot, listeners: Sequence[Listener]) -> Check:
    into = topology.flows.into(spot.tier)
    extra = [one for one in listeners if not any(serves(flow, one) for flow in into)]
    asked = (flow for flow in into if flow.first and flow.name not in ON_DEMAND)  # VRRP has no ports, so no such socket
    silent = [flow for flow in asked if not any(serves(flow, one) for one in listeners)]
    missing = _names(flow for flow in silent if _served(flow))
    facts = {
        "listeners": [str(one) for one in listeners],
        "extra": [str(one) for one in extra],
        "missing": missing,
        "unused": _names(flow for flow in silent if flow.source == Place.LOOPBACK),
    }
    said = [f"in no flow: {', '.join(map(str, extra))}"] if extra else []
    said += [f"nothing listens for: {', '.join(missing)}"] if missing else []
    if said:
        return Check("sockets", "listening", "fail", "; ".join(said), spot.name, "the flow matrix", facts)
    text = f"sockets, all in the matrix: {len(listeners)}"
    return Check("sockets", "listening", "pass", text, spot.name, "the flow matrix", facts)


def _served(flow: Flow) -> bool:
    """Whether somebody is to listen for it already: nothing runs yet on a tier without a role, at either end."""
    return flow.source != Place.LOOPBACK and all(content.has_role(role_of(end)) for end in flow.ends)


def _names(flows: Iterable[Flow]) -> list[str]:
    return list(dict.fromkeys(flow.name for flow in flows))
