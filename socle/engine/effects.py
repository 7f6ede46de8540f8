"""What a plan means for those who are in a call, for data and for addresses, and what it costs. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from socle.engine.operations import Operation, changes
from socle.graph import model
from socle.messages import _
from socle.stack.cloud import Cloud
from socle.topology import Topology
from socle.topology.model import TTL

HOURS = 730  # in a month, as providers count
LAST_BAD = 1  # ranks: 0 calls or data, 1 an address or a service, 2 a restart, 3 and more nothing that anyone notices
WAYS = {"opened": "created", "closed": "deleted", "changed": "changed"}


def effects(
    found: Sequence[Operation], topology: Topology, stillborn: Collection[str] = frozenset()
) -> tuple[str, ...]:
    """One sentence per thing that people notice, worst first. What is simply new disturbs nobody and is left out.

    `stillborn`: instances that never ran."""
    seen = sorted(set(_all(changes(found), topology, stillborn)), key=lambda pair: (pair[1], pair[0]))
    lines = [text for text, _rank in seen]
    if all(rank > LAST_BAD for _text, rank in seen):
        lines.insert(0, _("cuts no call, loses no data, gives up no address"))
    return tuple(lines)


def _all(found: Sequence[Operation], topology: Topology, stillborn: Collection[str]) -> Iterator[tuple[str, int]]:
    ways: Counter[tuple[str, str]] = Counter()
    new = {one.name for one in found if one.kind == "created" and one.type == model.SECURITY_GROUP}
    for one in found:
        gone = one.kind in ("replaced", "deleted")
        if one.type == model.INSTANCE and one.kind != "created":
            yield _on_node(one, topology, gone, one.name in stillborn)
        elif one.type == model.VOLUME and gone:
            yield _("loses the data of {name}").format(name=one.name), 0
        elif one.type == model.VOLUME and "size" in one.diffs:
            yield _("grows {name}, nothing restarts").format(name=one.name), 3
        elif one.type == model.FLOATING_IP and gone:
            text = _("gives up the public address of {name}: names and other networks' filters must follow")
            yield text.format(name=one.name.removesuffix("-public")), 1
        elif one.type in (model.ROUTER, model.ROUTER_INTERFACE) and gone:
            yield _("cuts every call that passes through {name}").format(name=one.name), 0
        elif one.type in (model.LOAD_BALANCER, model.LISTENER, model.POOL, model.MEMBERS, model.MONITOR):
            yield from _on_balancer(one, gone)
        elif one.type in (model.ZONE, model.RECORD_SET):
            yield from _on_names(one, gone)
        elif one.type == model.CONTAINER:
            yield from _on_container(one, gone)
        elif one.type == model.ROUTER_ROUTE and gone:
            text = _("cuts the way to {block}: what is there cannot be reached meanwhile")
            yield text.format(block=one.inputs.get("destinationCidr") or one.name), 0
        elif one.type == model.SECURITY_GROUP_RULE:
            ways[_tier(one, topology), one.kind] += 1
    for tier in sorted({tier for tier, _kind in ways if f"{topology.stack}-{tier}-group" not in new}):
        text = _("firewall of {tier}, nothing restarts: {opened} ways opened, {closed} closed, {changed} changed")
        counts = {word: ways[tier, kind] for word, kind in WAYS.items()}
        yield text.format(tier=tier, **counts), 4


def _on_balancer(one: Operation, gone: bool) -> Iterator[tuple[str, int]]:
    """All signalling comes in by the load balancer; media does not."""
    if one.type == model.MONITOR:
        if gone:
            yield _("{name} watches nothing meanwhile: a node that dies stays in the rotation").format(name=one.name), 2
    elif one.type == model.MEMBERS:
        now, before = _members(one.inputs), _members(one.before)
        if one.kind == "deleted":
            now, before = frozenset(), before or now
        for name in before - now if one.kind != "created" else ():
            yield _("cuts the signalling of who is connected by {name}").format(name=name), 0
        for name in now - before if one.kind == "changed" else ():
            yield _("{name} takes its share of the connections").format(name=name), 3
    elif gone:
        yield _("cuts the signalling of everyone: {name}").format(name=one.name), 0


def _members(inputs: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(one.get("name") or one.get("address")) for one in inputs.get("members") or ())


def _on_names(one: Operation, gone: bool) -> Iterator[tuple[str, int]]:
    name = str(one.inputs.get("name") or one.before.get("name") or one.name).removesuffix(".")
    if one.type == model.ZONE:
        if gone:
            yield _("loses every name in the zone {name}: nobody finds the service").format(name=name), 1
    elif one.kind == "deleted":
        yield _("nobody finds {name} any more").format(name=name), 1
    elif one.kind == "replaced" or "records" in one.diffs:
        text = _("{name} leads elsewhere: within {seconds} s, as long as resolvers remember the old address")
        yield text.format(name=name, seconds=one.before.get("ttl") or one.inputs.get("ttl") or TTL), 1


def _on_container(one: Operation, gone: bool) -> Iterator[tuple[str, int]]:
    if gone:
        yield _("loses what is kept in {name}, all its versions included").format(name=one.name), 0
    elif one.kind == "changed" and "versioning" in one.diffs and not one.inputs.get("versioning"):
        yield _("{name}: what is overwritten from then on cannot be brought back").format(name=one.name), 2


def _tier(one: Operation, topology: Topology) -> str:
    names = [tier.name for tier in topology.tiers if one.name.startswith(f"{topology.stack}-{tier.name}-")]
    return names[0] if names else one.name


def _on_node(one: Operation, topology: Topology, gone: bool, stillborn: bool) -> tuple[str, int]:
    calls = any(tier.name == _tier(one, topology) and tier.carries_calls for tier in topology.tiers)
    resized = {"flavorName", "flavorId"} & set(one.diffs)
    if gone and stillborn:
        text, rank = _("{name} never ran: it is made anew or goes, and nobody notices"), 3
    elif gone and calls:
        text, rank = _("cuts the calls on {name}, unless it was drained"), 0
    elif gone:
        text, rank = _("rebuilds {name}: its service stops meanwhile, its disk is lost, its volumes are kept"), 1
    elif resized and calls:
        text, rank = _("restarts {name} and cuts the calls on it, unless it was drained"), 0
    elif resized:
        text, rank = _("restarts {name}"), 2
    else:
        text, rank = _("restarts nothing on {name}"), 5
    return text.format(name=one.name), rank


def cost(found: Sequence[Operation], cloud: Cloud) -> float | None:
    """Difference per month in the currency of the cloud's prices; None where something has no price."""
    prices = cloud.prices
    if prices is None:
        return None
    total = 0.0
    for one in changes(found):
        for sign, inputs in _sides(one):
            if one.type == model.INSTANCE:
                price = prices.flavours.get(str(inputs.get("flavorName")))
                if price is None:
                    return None
                total += sign * price * HOURS
            elif one.type == model.VOLUME:
                total += sign * prices.volume_gib * float(inputs.get("size") or 0)
            elif one.type == model.FLOATING_IP:
                total += sign * prices.public_address
    return round(total, 2)


def _sides(one: Operation) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """What is paid from then on, and what no longer."""
    if one.op in ("create", "create-replacement", "update", "import"):
        yield 1, one.inputs
    if one.op in ("delete", "delete-replaced", "update"):
        yield -1, one.before or one.inputs
