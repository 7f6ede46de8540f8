"""The two sides of a comparison: read, derived, captured and judged, without an engine or a cloud."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network

from socle import assess
from socle.compare import Difference, Side, compare
from socle.graph.capture import capture
from socle.policy.finding import Assessment
from socle.policy.model import Model
from socle.stack.load import LoadedStack
from socle.stack.revision import Origin, opened
from socle.topology import derive
from socle.topology.model import Node, Tier

PUT_ASIDE = ("name", "organisation", "domain", "network.cidr", "network.ipv6")  # who a stack is, not how it is built


@dataclass(frozen=True)
class Read:
    """A stack that was read and judged, on its own."""

    origin: Origin
    model: Model
    assessment: Assessment

    @property
    def loaded(self) -> LoadedStack:
        return self.model.loaded


def difference(old: str, new: str) -> Difference:
    """`old` and `new`: each a stack's name, its file, or a revision of either. Raises InputError and its kin."""
    return between(read(old), read(new))


def between(before: Read, after: Read) -> Difference:
    if before.loaded.name == after.loaded.name:
        return compare(_side(before), _side(after))
    return _of_two_stacks(before, after)


def read(argument: str) -> Read:
    """Judged inside, while waivers and neighbours are those of the revision."""
    with opened(argument) as (loaded, origin):
        model = assess.intended(loaded, derive(loaded))
        return Read(origin, model, assess.assess(model, assess.BEFORE_APPLY))


def _side(one: Read) -> Side:
    model = one.model
    return Side(one.origin, model.loaded, model.topology, model.plan, one.assessment)


# --- two stacks -------------------------------------------------------------------------------------------------------


def _of_two_stacks(before: Read, after: Read) -> Difference:
    """What names each stack is made alike first; else every name, label and address would differ and hide the rest.

    The program then runs on the likened stacks, so that no text is ever searched for a name.
    """
    prefix = min(one.loaded.stack.network.cidr.prefixlen for one in (before, after))
    return compare(_likened(before, prefix), _likened(after, prefix), PUT_ASIDE)


def _likened(one: Read, prefix: int) -> Side:
    """The side as a stack without a name of its own, whose addresses count from 0.0.0.0; intent and verdict stay."""
    loaded = one.loaded
    block = IPv4Network(f"0.0.0.0/{prefix}")
    block6 = IPv6Network("::/64") if loaded.stack.network.ipv6 else None
    network = loaded.stack.network.model_copy(update={"cidr": block, "ipv6": block6})
    own = {"organisation": "<organisation>", "domain": "<domain>", "network": network}
    digest = hashlib.sha256(f"{loaded.digest} {block} {block6}".encode()).hexdigest()
    alike = replace(loaded, name="<stack>", stack=loaded.stack.model_copy(update=own), digest=digest)
    topology = derive(alike)
    topology = replace(topology, tiers=tuple(_without_zones(tier) for tier in topology.tiers))
    return Side(one.origin, loaded, topology, capture(alike, topology), one.assessment)


def _without_zones(tier: Tier) -> Tier:
    """Nodes named by tier and number alone: `<stack>-media-1` stands in one zone of one cloud, or in another's."""

    def renamed(node: Node) -> Node:
        name = f"<stack>-{node.tier}-{node.number}"
        volume = node.volume and replace(node.volume, name=node.volume.name.replace(node.name, name, 1))
        return replace(node, name=name, volume=volume)

    return replace(tier, nodes=tuple(renamed(node) for node in tier.nodes))
