"""What `socle verify` saw, by kind: one TLS endpoint per name and node, calls, ports, sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from socle.policy.model import Model
from socle.policy.mutation import Mutation, in_probes


@dataclass(frozen=True)
class Endpoint:
    """One TLS endpoint. `door`: a node, or the front before its tier. `why`: what kept it from being seen."""

    fqdn: str
    door: str
    tier: str
    data: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""

    @property
    def name(self) -> str:
        return f"{self.fqdn} on {self.door}"

    @property
    def seen(self) -> bool:
        return bool(self.data)

    def get(self, key: str) -> Any:
        return self.data.get(key)


def checks(model: Model, *kinds: str) -> tuple[Mapping[str, Any], ...]:
    found = (model.probes or {}).get("checks") or ()
    return tuple(check for check in found if not kinds or check.get("kind") in kinds)


def handshakes(model: Model) -> Iterator[Endpoint]:
    """Every name of every TLS flow where users reach its tier: at the front before it, else on each node."""
    for flow in model.topology.flows.reachable():
        tier = model.tier(flow.target) if isinstance(flow.target, str) and flow.probe == "tls" else None
        if tier is None:
            continue
        fronts = [one.name for one in model.topology.fronts if one.tier == tier.name]
        for record in model.topology.records:
            for door in fronts or [node.name for node in tier.nodes] if record.tier == tier.name else ():
                yield _endpoint(model, flow.name, (record.fqdn, door, tier.name))


def _endpoint(model: Model, flow: str, place: tuple[str, str, str]) -> Endpoint:
    fqdn, door, _tier = place
    for check in checks(model, "flow"):
        if check["subject"] == flow and check.get("node") == door:
            facts = (check.get("facts") or {}).get(fqdn)
            if facts:
                return Endpoint(*place, facts)
            return Endpoint(*place, why=str(check.get("seen") or "not seen"))
    return Endpoint(*place, why="this endpoint was not probed")


def answered(**values: Any) -> Mutation:
    """A mutation: the first TLS endpoint answered otherwise."""
    return spoiled(lambda facts: facts.update(values))


def spoiled(change: Callable[[dict[str, Any]], None], *, of: str = "cipher", everywhere: bool = False) -> Mutation:
    """A mutation: what was seen of the first TLS endpoint that has a fact, or of all of them, is changed."""

    def apply(probes: dict[str, Any]) -> None:
        facts = (one for check in probes["checks"] for one in check.get("facts", {}).values())
        found = [one for one in facts if isinstance(one, dict) and one.get(of)]
        if not found:
            raise LookupError(f"no TLS endpoint was probed for its {of}")
        for one in found if everywhere else found[:1]:
            change(one)

    return in_probes(apply)
