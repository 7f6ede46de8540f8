"""Ways between the Internet and what is inside: data networks, the default group, the break before the pages: NET."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from policies import targets
from socle.graph import Ref, Resource
from socle.graph.model import (
    FLOATING_IP,
    FLOATING_IP_ASSOCIATE,
    NETWORK,
    ROUTER,
    ROUTER_INTERFACE,
    ROUTER_ROUTE,
)
from socle.policy.model import Model, references
from socle.policy.mutation import in_live, on_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule
from socle.topology.flows import Flow, Flows, Place
from socle.topology.model import Tier

KEEPERS = ("database", "cache", "bus", "objects", "logs", "backup")  # tiers that hold what others wrote
REVERSE_PROXY = "edge"


def _outside(model: Model) -> Model:
    """A mutation: the tier that holds the bus is on a network like any other."""
    tiers = tuple(
        replace(t, network=replace(t.network, inner=False)) if t.name in KEEPERS else t for t in model.topology.tiers
    )
    return replace(model, topology=replace(model.topology, tiers=tiers))


@rule("NET-08", phase="spec", on=targets.tiers, key=("network",), broken_by=_outside)
def data_is_kept_inside(tier: Tier, _model: Model) -> Outcome:
    if tier.name not in KEEPERS:
        return not_applicable("keeps nothing that others wrote")
    wanted = "an inner network, without a public address"
    seen = ["an inner network" if tier.network.inner else "a network that leads outside"]
    return judged(tier.network.inner and not tier.public, [*seen, *(["public"] if tier.public else [])], wanted)


def _inner_tiers(model: Model) -> Iterable[Tier]:
    return (tier for tier in model.topology.tiers if tier.network.inner)


def _joined_outside(interface: Resource, model: Model) -> Resource:
    """A change: the interface is of the router that leads outside."""
    leading = next(one for one in model.plan.of(ROUTER) if one.get("external_network_id") is not None)
    return replace(interface, inputs={**interface.inputs, "router_id": Ref(leading.name)})


@rule(
    "NET-08",
    phase="plan",
    on=_inner_tiers,
    key=("network",),
    broken_by=on_resource(ROUTER_INTERFACE, _joined_outside, tier="bus"),
)
def inner_networks_have_no_way_out(tier: Tier, model: Model) -> Outcome:
    """No router of theirs has an external gateway (Neutron's SNAT comes with one), none routes beyond the stack, and
    no floating address leads to them."""
    wanted = "joined to routers without external gateway or default route; no public address"
    if tier.network.existing:
        return unknown(
            f"network {tier.network.name} is the cloud team's, and so is its router",
            settled_in="process",
            expected=wanted,
        )
    joints = list(_joints(tier.name, model))
    routers = [model.plan.follow(joint.get("router_id")) for joint in joints]
    problems = [problem for router in routers if router is not None for problem in _leading_out(router, model)]
    problems += [f"public address {one.name}" for one in _public_addresses(tier.name, model)]
    if problems:
        return failed(problems, wanted)
    if any(router is None for router in routers):
        return unknown("a router that is known after apply", settled_in="runtime", expected=wanted)
    names = sorted({router.name for router in routers if router is not None})
    return passed(f"joined to {', '.join(names) or 'no router'}, no way outside", wanted)


def _joints(tier: str, model: Model) -> Iterator[Resource]:
    """Router interfaces on the tier's network, by a subnet or by a port of it."""
    plan = model.plan
    for joint in plan.of(ROUTER_INTERFACE):
        for key in ("subnet_id", "port_id"):
            joined = plan.follow(joint.get(key))
            if joined is not None and model.tier_of(_network_of(joined, model)) == tier:
                yield joint


def _network_of(joined: Resource, model: Model) -> Resource | None:
    found = model.plan.follow(joined.get("network_id"))
    return found if found is not None and found.type == NETWORK else joined


def _leading_out(router: Resource, model: Model) -> Iterator[str]:
    if router.get("external_network_id") not in (None, ""):  # an id, or known after apply
        yield f"{router.name} leads outside"
    if router.get("enable_snat"):
        yield f"{router.name} translates addresses (SNAT)"
    for route in model.plan.of(ROUTER_ROUTE):
        if model.plan.follow(route.get("router_id")) is router and _beyond(route.get("destination_cidr"), model):
            yield f"{router.name} routes {route.get('destination_cidr')}"


def _beyond(block: Any, model: Model) -> bool:
    """True for a destination outside the stack's own block, or one that nobody can read yet."""
    if not isinstance(block, str):
        return True
    destination, own = ip_network(block), ip_network(model.topology.cidr)
    return destination.version != own.version or not destination.subnet_of(own)  # type: ignore[arg-type]


def _public_addresses(tier: str, model: Model) -> Iterator[Resource]:
    for one in model.plan.of(FLOATING_IP, FLOATING_IP_ASSOCIATE):
        pointed = [model.plan.follow(ref) for ref in references(one.inputs)]
        if any(model.tier_of(target) == tier for target in pointed if target is not None):
            yield one


def _open_default(live: dict[str, Any]) -> None:
    live["default_group"]["rules"].append({"direction": "egress", "ethertype": "IPv4", "remote_ip_prefix": None})


@rule("NET-05", phase="runtime", on=targets.stack, key=("cloud",), broken_by=in_live(_open_default))
def the_default_group_is_unused(_stack: targets.Whole, model: Model) -> Outcome:
    """The project's group `default`, which Neutron gives to every port that names none, and which lets all out."""
    wanted = "no port; no rule but from the group itself"
    said = (model.live or {}).get("default_group")
    if not said:
        return unknown("the default group was not read", settled_in="runtime", expected=wanted)
    open_ = [_said(one) for one in said["rules"] if not _from_itself(one, said)]
    problems = [*([f"ports: {said['ports']}"] if said["ports"] else []), *sorted(open_)]
    return judged(not problems, problems or "no port, no open rule", wanted)


def _from_itself(one: dict[str, Any], group: dict[str, Any]) -> bool:
    return bool(one["direction"] == "ingress" and one.get("remote_group_id") == group["id"])


def _said(one: dict[str, Any]) -> str:
    remote = one.get("remote_ip_prefix") or one.get("remote_group_id") or "anywhere"
    return f"{one['direction']} {one.get('ethertype') or ''} {one.get('protocol') or 'any'} {remote}"


def _pages_elsewhere(model: Model) -> Model:
    """A mutation: users reach the application itself."""
    pages = next(one for one in model.topology.flows if one.source == Place.INTERNET and one.target == REVERSE_PROXY)
    more = replace(pages, name="straight", target="application", why="a short cut")
    return replace(model, topology=replace(model.topology, flows=Flows((*model.topology.flows, more))))


@rule(
    "NET-15",
    phase="spec",
    on=lambda model: tuple(one for one in model.topology.flows if one.source in (Place.INTERNET, Place.TRUNK)),
    broken_by=_pages_elsewhere,
)
def web_flows_are_broken_media_is_recorded(flow: Flow, model: Model) -> Outcome:
    """A front passes TLS on as it is: the break is the reverse proxy of the edge, where TLS ends."""
    wanted = "web flows end on the edge's reverse proxy; what cannot is a recorded derogation"
    if flow.target == REVERSE_PROXY:
        return passed(f"{flow.protocol} {flow.ports} ends on {flow.target}", wanted)
    tier = model.tier(str(flow.target))
    if tier is not None and tier.carries_calls:
        return unknown(
            f"{flow.protocol} {flow.ports} straight to {tier.name}: {flow.why}", settled_in="process", expected=wanted
        )
    return failed(f"{flow.protocol} {flow.ports} straight to {flow.target}", wanted)
