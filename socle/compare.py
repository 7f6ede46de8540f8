"""Two stacks, or two revisions of one, compared at five levels: intent, topology, flows, resources, verdict. Pure.

Every level holds only what differs, in an order that does not depend on which side is called old.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel

from socle.errors import Mark
from socle.graph.model import Graph, Resource
from socle.policy.finding import Assessment
from socle.stack.load import LoadedStack
from socle.stack.revision import Origin
from socle.stack.yaml_marks import Document
from socle.topology import Topology
from socle.topology.openings import openings
from socle.values import dotted, leaves, plain

Kind = Literal["added", "removed", "changed"]
Values = Mapping[tuple[str, str, str], Any]  # (part, subject, key) -> value


@dataclass(frozen=True)
class Side:
    """One of the two. `topology` and `graph` may have been derived with what is the stack's own put aside."""

    origin: Origin
    loaded: LoadedStack
    topology: Topology
    graph: Graph
    assessment: Assessment


@dataclass(frozen=True)
class Change:
    """One value that differs; None where a side has none. `part`: of its level; `subject`: whose value; `key`: which.

    | level | part | subject | key |
    |---|---|---|---|
    | intent | stack, cloud, release: the kind of file | empty | `people.seats` |
    | topology | tiers, networks, volumes, names, secrets, features | tier, name, secret or feature | `flavour` |
    | resources | inputs, options | the resource | `fixed_ips[0].ip_address` |
    | verdict | gate, controls | empty, or the control | `go`, `standing` |

    `old_at`, `new_at`: where the value is written; None outside the intent, and where a file leaves it to its default.
    """

    part: str
    subject: str
    key: str
    old: Any
    new: Any
    old_at: Mark | None = None
    new_at: Mark | None = None

    @property
    def kind(self) -> Kind:
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    def mirrored(self) -> Change:
        return replace(self, old=self.new, new=self.old, old_at=self.new_at, new_at=self.old_at)


@dataclass(frozen=True)
class FlowChange:
    """One opening of the written-out flow matrix. `old`, `new`: `udp 7882-7892`, or None where it is shut."""

    tier: str
    direction: Literal["ingress", "egress"]
    flow: str
    remote: str
    old: str | None
    new: str | None

    @property
    def kind(self) -> Kind:
        return "added" if self.old is None else "removed" if self.new is None else "changed"

    def mirrored(self) -> FlowChange:
        return replace(self, old=self.new, new=self.old)


@dataclass(frozen=True)
class ResourceChange:
    """A resource that both have, and the inputs (and the engine's options) that differ."""

    type: str
    name: str
    changes: tuple[Change, ...]

    def mirrored(self) -> ResourceChange:
        return replace(self, changes=tuple(one.mirrored() for one in self.changes))


@dataclass(frozen=True)
class Resources:
    """Every resource of both sides, each exactly once, by type and name. `same`: with the same inputs in both."""

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    changed: tuple[ResourceChange, ...]
    same: tuple[tuple[str, str], ...]

    def mirrored(self) -> Resources:
        return Resources(self.removed, self.added, tuple(one.mirrored() for one in self.changed), self.same)


@dataclass(frozen=True)
class Difference:
    """`put_aside`: what is each stack's own, and was made alike before topology, flows and resources were compared."""

    old: Origin
    new: Origin
    put_aside: tuple[str, ...]
    intent: tuple[Change, ...]
    topology: tuple[Change, ...]
    flows: tuple[FlowChange, ...]
    resources: Resources
    verdict: tuple[Change, ...]

    def __bool__(self) -> bool:
        """True when anything differs."""
        found = self.resources
        levels = (self.intent, self.topology, self.flows, found.added, found.removed, found.changed, self.verdict)
        return any(levels)

    def mirrored(self) -> Difference:
        """The same, told from the other side."""
        return Difference(
            old=self.new,
            new=self.old,
            put_aside=self.put_aside,
            intent=tuple(one.mirrored() for one in self.intent),
            topology=tuple(one.mirrored() for one in self.topology),
            flows=tuple(one.mirrored() for one in self.flows),
            resources=self.resources.mirrored(),
            verdict=tuple(one.mirrored() for one in self.verdict),
        )


def compare(old: Side, new: Side, put_aside: tuple[str, ...] = ()) -> Difference:
    return Difference(
        old=old.origin,
        new=new.origin,
        put_aside=put_aside,
        intent=tuple(_intent(old.loaded, new.loaded)),
        topology=tuple(_differing(topology_values(old.topology), topology_values(new.topology))),
        flows=tuple(_flows(old.topology, new.topology)),
        resources=_resources(old.graph, new.graph),
        verdict=tuple(_verdict(old.assessment, new.assessment)),
    )


# --- intent -----------------------------------------------------------------------------------------------------------


def _intent(old: LoadedStack, new: LoadedStack) -> Iterator[Change]:
    """Keys of the stack file, of the release, and of the cloud; of two clouds, their names say it all.

    Values are those that count, defaults included: a default that is written out is no difference.
    """
    yield from _file("stack", (old.stack, old.document), (new.stack, new.document))
    if old.stack.cloud == new.stack.cloud:
        yield from _file("cloud", (old.cloud, old.cloud_document), (new.cloud, new.cloud_document))
    yield from _file("release", (old.release, old.release_document), (new.release, new.release_document))


def _file(part: str, old: tuple[BaseModel, Document], new: tuple[BaseModel, Document]) -> Iterator[Change]:
    (model, document), (other, counterpart) = old, new
    before, after = dict(leaves(_plain_model(model))), dict(leaves(_plain_model(other)))
    for path in sorted(before.keys() | after.keys(), key=lambda path: _natural((dotted(path),))):
        if before.get(path) != after.get(path):
            places = [document.values.get(path), counterpart.values.get(path)]
            if not any(places):
                places = [document.mark(path), counterpart.mark(path)]
            yield Change(part, "", dotted(path), plain(before.get(path)), plain(after.get(path)), *places)


def _plain_model(model: BaseModel) -> Any:
    return model.model_dump(mode="json", by_alias=True)


# --- topology ---------------------------------------------------------------------------------------------------------


def topology_values(topology: Topology) -> Values:
    """What a topology says, tier by tier, by the words that reports show."""
    found: dict[tuple[str, str, str], Any] = {}
    for tier in topology.tiers:
        rows = {
            "nodes": len(tier.nodes),
            "zones": dict(sorted(Counter(node.zone for node in tier.nodes).items())),
            "flavour": tier.flavour,
            "image": tier.image,
            "level": tier.level,
            "public": tier.public,
            "carries calls": tier.carries_calls,
        }
        found |= {("tiers", tier.name, key): value for key, value in rows.items()}
        found["networks", tier.name, "cidr"] = tier.network.cidr
        if tier.network.cidr6:
            found["networks", tier.name, "IPv6"] = tier.network.cidr6
        volumes = [node.volume for node in tier.nodes if node.volume]
        if volumes:
            found["volumes", tier.name, "volumes"] = len(volumes)
            found["volumes", tier.name, "GiB"] = _one_or_all(volume.size for volume in volumes)
            found["volumes", tier.name, "mounted on"] = _one_or_all(volume.mount for volume in volumes)
    found |= {("names", record.fqdn, "tier"): record.tier for record in topology.records}
    for secret in topology.secrets:
        found["secrets", secret.name, "kind"] = secret.kind
        found["secrets", secret.name, "handed to"] = list(secret.tiers)
        found["secrets", secret.name, "names"] = list(secret.names)
    return found | {("tiers", tier, "left out"): reason for tier, reason in topology.left_out.items()}


def _one_or_all(values: Iterable[Any]) -> Any:
    found = sorted(set(values))
    return found[0] if len(found) == 1 else found


# --- flows ------------------------------------------------------------------------------------------------------------


def _flows(old: Topology, new: Topology) -> Iterator[FlowChange]:
    before, after = _openings(old), _openings(new)
    for key in sorted(before.keys() | after.keys()):
        if before.get(key) != after.get(key):
            flow, direction, remote, tier = key
            yield FlowChange(tier, direction, flow, remote, before.get(key), after.get(key))


def _openings(topology: Topology) -> dict[tuple[str, Literal["ingress", "egress"], str, str], str]:
    """(flow, direction, remote, tier) -> `udp 7882-7892`."""
    found = {}
    for tier in topology.tiers:
        for one in openings(topology, tier.name):
            found[one.flow, one.direction, str(one.remote), tier.name] = f"{one.protocol} {one.ports}"
    return found


# --- resources --------------------------------------------------------------------------------------------------------


def _resources(old: Graph, new: Graph) -> Resources:
    before = {(resource.type, resource.name): resource for resource in old}
    after = {(resource.type, resource.name): resource for resource in new}
    both = sorted(before.keys() & after.keys(), key=_natural)
    changed = {key: tuple(_inputs(before[key], after[key])) for key in both}
    return Resources(
        added=tuple(sorted(after.keys() - before.keys(), key=_natural)),
        removed=tuple(sorted(before.keys() - after.keys(), key=_natural)),
        changed=tuple(ResourceChange(*key, changes) for key, changes in changed.items() if changes),
        same=tuple(key for key, changes in changed.items() if not changes),
    )


def _inputs(old: Resource, new: Resource) -> Iterator[Change]:
    return _differing(_values(old), _values(new))


def _values(resource: Resource) -> Values:
    options = {"parent": resource.parent, "protect": resource.protect}
    found = {("inputs", resource.name, dotted(path)): value for path, value in leaves(resource.inputs)}
    return found | {("options", resource.name, key): value for key, value in options.items()}


# --- verdict ----------------------------------------------------------------------------------------------------------


def _verdict(old: Assessment, new: Assessment) -> Iterator[Change]:
    """The gate first."""
    yield from _differing({("gate", "", "go"): old.verdict.go}, {("gate", "", "go"): new.verdict.go})
    yield from _differing(_standings(old), _standings(new))


def _standings(assessment: Assessment) -> Values:
    return {("controls", one.control, "standing"): one.standing for one in assessment.judgements}


# --- values -----------------------------------------------------------------------------------------------------------


def _differing(old: Values, new: Values) -> Iterator[Change]:
    for part, subject, key in sorted(old.keys() | new.keys(), key=_natural):
        before, after = old.get((part, subject, key)), new.get((part, subject, key))
        if before != after:
            yield Change(part, subject, key, plain(before), plain(after))


def _natural(key: tuple[str, ...]) -> list[str | int]:
    """node-2 before node-10. Texts and numbers take turns, so that any two keys can be compared."""
    parts = re.split(r"([0-9]+)", "\0".join(key))
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]
