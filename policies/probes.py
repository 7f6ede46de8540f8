"""What `socle verify` saw, by kind: one TLS endpoint per name and node, calls, ports, sockets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from socle.policy.model import Model
from socle.policy.mutation import Mutation, in_probes
from socle.topology.model import Node


@dataclass(frozen=True)
class Endpoint:
    """One TLS endpoint. `why`: what kept it from being seen."""

    fqdn: str
    node: str
    tier: str
    data: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""

    @property
    def name(self) -> str:
        return f"{self.fqdn} on {self.node}"

    @property
    def seen(self) -> bool:
        return bool(self.data)

    def get(self, key: str) -> Any:
        return self.data.get(key)


def checks(model: Model, *kinds: str) -> tuple[Mapping[str, Any], ...]:
    found = (model.probes or {}).get("checks") or ()
    return tuple(check for check in found if not kinds or check.get("kind") in kinds)


def handshakes(model: Model) -> Iterator[Endpoint]:
    """Every name of every TLS flow on every node of its tier."""
    for flow in model.topology.flows.reachable():
        tier = model.tier(flow.target) if isinstance(flow.target, str) and flow.probe == "tls" else None
        if tier is None:
            continue
        for record in model.topology.records:
            for node in tier.nodes if record.tier == tier.name else ():
                yield _endpoint(model, flow.name, record.fqdn, node)


def _endpoint(model: Model, flow: str, fqdn: str, node: Node) -> Endpoint:
    place = (fqdn, node.name, node.tier)
    for check in checks(model, "flow"):
        if check["subject"] == flow and check.get("node") == node.name:
            facts = (check.get("facts") or {}).get(fqdn)
            if facts:
                return Endpoint(*place, facts)
            return Endpoint(*place, why=str(check.get("seen") or "not seen"))
    return Endpoint(*place, why="this endpoint was not probed")


def answered(**values: Any) -> Mutation:
    """A mutation: the first TLS endpoint answered otherwise."""

    def change(probes: dict[str, Any]) -> None:
        for check in probes["checks"]:
            for facts in check.get("facts", {}).values():
                if isinstance(facts, dict) and "cipher" in facts:
                    facts.update(values)
                    return
        raise LookupError("no TLS endpoint was probed")

    return in_probes(change)
