"""Security-group rules and the flow matrix, written alike so that they compare."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any

from socle.graph import UNKNOWN, Ref, Resource
from socle.graph.model import FLOATING_IP, SECURITY_GROUP_RULE
from socle.policy.model import Model
from socle.topology.flows import PublicOf
from socle.topology.openings import openings

WORLD = ("0.0.0.0/0", "::/0")
PORTLESS = ("vrrp",)
WIDEST_ADMINISTRATION = 16  # our value: a wider block than a /16 is no place where administrators sit
PROTECTED_PORTS = {22: "SSH", 3000: "Grafana", 5432: "PostgreSQL", 6379: "Valkey", 6789: "LiveKit metrics",
                   7880: "LiveKit signalling", 9100: "node metrics", 9641: "coturn metrics"}  # fmt: skip


@dataclass(frozen=True)
class Opened:
    """One way, protocol, range of ports and remote; `remote` is `tier <name>`, `public <tier>`, a block or `?`."""

    tier: str
    direction: str
    protocol: str
    first: int
    last: int
    remote: str

    def __str__(self) -> str:
        ports = str(self.first) if self.first == self.last else f"{self.first}-{self.last}"
        return f"{self.tier} {self.direction} {self.protocol} {ports} {self.remote}"

    @property
    def without_remote(self) -> tuple[str, str, str, int, int]:
        return self.tier, self.direction, self.protocol, self.first, self.last

    def reaches(self, port: int) -> bool:
        return self.first <= port <= self.last and self.protocol in ("tcp", "any")


def expected(model: Model) -> dict[Opened, str]:
    """What the flow matrix lets through -> the flow's name."""
    if "matrix" not in model.memo:
        model.memo["matrix"] = _expected(model)
    kept: dict[Opened, str] = model.memo["matrix"]
    return kept


def remotes(model: Model, opening: Opened) -> set[str]:
    """Remotes that the matrix names for an opening's tier, way, protocol and ports; none for ports it lacks."""
    if "remotes" not in model.memo:
        found: dict[Any, set[str]] = {}
        for one in expected(model):
            found.setdefault(one.without_remote, set()).add(one.remote)
        model.memo["remotes"] = found
    kept: dict[Any, set[str]] = model.memo["remotes"]
    return kept.get(opening.without_remote, set())


def present(model: Model) -> frozenset[Opened]:
    """What the plan's security-group rules let through."""
    if "present" not in model.memo:
        seen = (opened(rule, model) for rule in model.plan.of(SECURITY_GROUP_RULE))
        model.memo["present"] = frozenset(one for one in seen if one)
    kept: frozenset[Opened] = model.memo["present"]
    return kept


def _expected(model: Model) -> dict[Opened, str]:
    found: dict[Opened, str] = {}
    for tier in model.topology.tiers:
        for one in openings(model.topology, tier.name):
            if isinstance(one.remote, PublicOf):
                remote = f"public {one.remote.tier}"
            else:
                remote = f"tier {one.remote}" if one.remote_is_tier else _block(one.remote, model)
            ports = _ports(one.protocol, one.first, one.last)
            found[Opened(tier.name, one.direction, one.protocol, *ports, remote)] = one.flow
    return found


def opened(rule: Resource, model: Model) -> Opened | None:
    """A security-group rule, written like the matrix; None when its group belongs to no tier."""
    kept: dict[str, Opened | None] = model.memo.setdefault("opened", {})
    if rule.name not in kept:
        kept[rule.name] = _opened(rule, model)
    return kept[rule.name]


def _opened(rule: Resource, model: Model) -> Opened | None:
    tier = model.group_tier(rule.get("security_group_id")) or model.tier_of(rule)
    if tier is None:
        return None
    low, high = rule.get("port_range_min"), rule.get("port_range_max")
    protocol = str(rule.get("protocol") or "any").lower()
    return Opened(tier, str(rule.get("direction")), protocol, *_ports(protocol, low, high), _remote(rule, model))


def _ports(protocol: str, low: Any, high: Any) -> tuple[int, int]:
    """No port given is every port; a protocol that has none reaches none."""
    if protocol in PORTLESS:
        return 0, 0
    return _number(low, 0), _number(high, 65535)


def _number(value: Any, missing: int) -> int:
    return int(value) if isinstance(value, int | float | str) and str(value).isdigit() else missing


def _remote(rule: Resource, model: Model) -> str:
    group, prefix = rule.get("remote_group_id"), rule.get("remote_ip_prefix")
    if group is not None:
        tier = model.group_tier(group)
        return f"tier {tier}" if tier else "?"
    if prefix is None:
        return "::/0" if rule.get("ethertype") == "IPv6" else "0.0.0.0/0"  # Neutron's own meaning of no remote
    if isinstance(prefix, Ref):
        target = model.plan.follow(prefix)
        tier = model.tier_of(target)
        return f"public {tier}" if target is not None and target.type == FLOATING_IP and tier else "?"
    if prefix is UNKNOWN:
        return "?"
    return _block(str(prefix), model)


def _block(block: str, model: Model) -> str:
    """A tier's network is the tier; an address that the cloud team gave to one is a public address of it."""
    topology = model.topology
    for tier in topology.tiers:
        if tier.network.cidr == block:
            return f"tier {tier.name}"
        if any(node.public and f"{node.public}/32" == block for node in tier.nodes):
            return f"public {tier.name}"
    return next((f"public {one.tier}" for one in topology.fronts if one.public and f"{one.public}/32" == block), block)


def is_world(remote: str) -> bool:
    return remote in WORLD


def too_wide(block: Any) -> bool:
    """True for a block that is no place where administrators sit: the world, or wider than a /16."""
    network = ip_network(str(block), strict=False)
    return network.prefixlen < (WIDEST_ADMINISTRATION if network.version == 4 else 32)
