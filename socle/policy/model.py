"""What rules look at. Every part but the stack and its topology may be absent: a rule then has nothing to say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from socle.graph import Graph, Ref, Resource
from socle.graph.model import SECURITY_GROUP
from socle.policy.outcome import Phase
from socle.policy.statement import Statement
from socle.policy.waiver import Waiver
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.model import Tier


@dataclass(frozen=True)
class File:
    """A configuration file as it will be written on every node of a tier; `text` is None when nothing renders it."""

    tier: str
    path: str
    text: str | None

    @property
    def name(self) -> str:
        return f"{self.tier}:{self.path}"


@dataclass(frozen=True)
class Facts:
    """What a node says of itself; `data` is None when it was not asked."""

    node: str
    tier: str
    data: Mapping[str, Any] | None

    @property
    def name(self) -> str:
        return self.node


@dataclass(frozen=True)
class Neighbour:
    """Another stack file beside this one."""

    name: str
    environment: str
    cloud: str
    auth_url: str
    project: str
    cidr: str


@dataclass(frozen=True)
class Model:
    """`files`: (tier, path) -> text. `facts`: node -> facts. `probes`: `socle verify`. `live`: the cloud's API."""

    loaded: LoadedStack
    topology: Topology
    today: date
    neighbours: tuple[Neighbour, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    statements: tuple[Statement, ...] = ()
    graph: Graph | None = None
    files: Mapping[tuple[str, str], str] | None = None
    facts: Mapping[str, Mapping[str, Any]] | None = None
    probes: Mapping[str, Any] | None = None
    live: Mapping[str, Any] | None = None
    pinned_hosts: tuple[str, ...] | None = None
    memo: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)  # what rules derive once

    @property
    def plan(self) -> Graph:
        if self.graph is None:
            raise LookupError("no graph was captured")
        return self.graph

    def has(self, phase: Phase) -> bool:
        """True when there is anything to judge the phase on."""
        if phase == "plan":
            return self.graph is not None
        if phase == "config":
            return self.files is not None
        if phase == "runtime":
            return any(part is not None for part in (self.facts, self.probes, self.live))
        return True

    # --- topology -------------------------------------------------------------------------------------------------

    def tier_of(self, resource: Resource | None) -> str | None:
        """The tier that a resource belongs to, by its name: `<stack>-<tier>` or `<stack>-<tier>-...`."""
        if resource is None:
            return None
        for name in (resource.get("name"), resource.name):
            if isinstance(name, str) and (tier := self._tier_named(name)):
                return tier
        return None

    def _tier_named(self, name: str) -> str | None:
        known: dict[str, str | None] = self.memo.setdefault("tiers of names", {})
        if name not in known:
            stems = ((tier.name, f"{self.topology.stack}-{tier.name}") for tier in self.topology.tiers)
            known[name] = next((t for t, stem in stems if name == stem or name.startswith(f"{stem}-")), None)
        return known[name]

    def tier(self, name: str | None) -> Tier | None:
        return next((tier for tier in self.topology.tiers if tier.name == name), None)

    def group_tier(self, value: Any) -> str | None:
        """The tier whose security group a reference points at."""
        target = self.graph.follow(value) if self.graph else None
        return self.tier_of(target) if target is not None and target.type == SECURITY_GROUP else None

    # --- files ----------------------------------------------------------------------------------------------------

    def file(self, tier: str, ending: str) -> File:
        """The file of a tier whose path ends so; its text is None when nothing renders it."""
        for (owner, path), text in (self.files or {}).items():
            if owner == tier and path.endswith(ending):
                return File(owner, path, text)
        return File(tier, ending, None)

    def files_of(self, tier: str, ending: str = "") -> Iterator[File]:
        for (owner, path), text in (self.files or {}).items():
            if owner == tier and path.endswith(ending):
                yield File(owner, path, text)

    # --- nodes ----------------------------------------------------------------------------------------------------

    def nodes(self) -> Iterator[Facts]:
        for node in self.topology.nodes:
            yield Facts(node.name, node.tier, (self.facts or {}).get(node.name))


def subject(target: Any) -> str:
    """What a report calls a rule's subject."""
    return str(getattr(target, "name", target))


def references(value: Any) -> Iterable[Ref]:
    """Every reference inside a value of the graph."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)
