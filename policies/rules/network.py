"""Networks, security groups, addresses: NET."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

from policies import matrix, targets
from socle.graph import Ref, Resource
from socle.graph.model import (
    FLOATING_IP,
    FLOATING_IP_ASSOCIATE,
    NETWORK,
    PORT,
    ROUTER_INTERFACE,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    SUBNET,
)
from socle.policy.model import Model, references
from socle.policy.mutation import Mutation, inputs, on_resource, on_stack, with_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule
from socle.topology.flows import Place
from socle.topology.model import Tier

WIDEST_RANGE = 100  # our value: ports in one rule, media and relay ranges of the matrix apart


def _ingress_rule(tier: str, **values: object) -> Mutation:
    """A mutation: one more ingress rule in a tier's group."""

    def make(model: Model) -> Resource:
        group = next(r for r in model.plan.of(SECURITY_GROUP) if model.tier_of(r) == tier)
        given = {"direction": "ingress", "ethertype": "IPv4", "protocol": "tcp", "security_group_id": Ref(group.name)}
        return Resource(SECURITY_GROUP_RULE, f"{group.name}-added", inputs={**given, **values})

    return with_resource(make)


def _first_two_tiers_share(model: Model) -> Model:
    first, second, *rest = model.topology.tiers
    return replace(
        model, topology=replace(model.topology, tiers=(first, replace(second, network=first.network), *rest))
    )


@rule(
    "NET-01",
    phase="spec",
    on=targets.tiers,
    key=("network",),
    broken_by=_first_two_tiers_share,
)
def each_tier_has_its_network(tier: Tier, model: Model) -> Outcome:
    mine = ip_network(tier.network.cidr)
    others = [t.name for t in model.topology.tiers if t is not tier and ip_network(t.network.cidr).overlaps(mine)]
    seen = f"{tier.network.cidr} shared with {', '.join(others)}" if others else tier.network.cidr
    return judged(not others, seen, "a network of its own")


@rule(
    "NET-01",
    phase="plan",
    on=PORT,
    key=("network",),
    broken_by=lambda model: on_resource(PORT, inputs(network_id=Ref(_network_of(model, "bus"))), tier="edge")(model),
)
def ports_stay_on_their_tier_s_network(port: Resource, model: Model) -> Outcome:
    tier = model.tier_of(port)
    network = model.plan.follow(port.get("network_id"))
    owner = model.tier_of(network)
    if tier is None:
        return not_applicable("a port of no tier")
    if network is None:
        return unknown("the network is known after apply", settled_in="runtime")
    return judged(owner == tier, f"on network {network.name}", f"on the network of {tier}")


def _network_of(model: Model, tier: str) -> str:
    return next(r.name for r in model.plan.of(NETWORK) if model.tier_of(r) == tier)


@rule(
    "NET-02",
    phase="spec",
    on=lambda model: tuple(f"access.from[{i}]" for i in range(len(model.loaded.stack.access.sources))),
    key=("access", "from"),
    broken_by=on_stack("access.sources", [ip_network("0.0.0.0/0")]),
)
def administrators_come_from_somewhere(place: str, model: Model) -> Outcome:
    index = int(place.partition("[")[2].rstrip("]"))
    source = model.loaded.stack.access.sources[index]
    wanted = f"blocks of /{matrix.WIDEST_ADMINISTRATION} or smaller, never the world"
    return judged(not matrix.too_wide(source), source, wanted, key=("access", "from", index))


@rule(
    "NET-02",
    phase="plan",
    on=SECURITY_GROUP_RULE,
    key=("access", "from"),
    broken_by=_ingress_rule("bus", port_range_min=22, port_range_max=22, remote_ip_prefix="0.0.0.0/0"),
)
def administration_from_the_bastion_alone(opening: Resource, model: Model) -> Outcome:
    seen = matrix.opened(opening, model)
    if seen is None or seen.direction != "ingress":
        return not_applicable("no way in")
    ports = [name for port, name in matrix.PROTECTED_PORTS.items() if seen.reaches(port)]
    if not ports:
        return not_applicable("no administration, data or metrics port")
    if seen.remote == "?":
        return unknown("the source is known after apply", settled_in="runtime")
    if seen.tier == "bastion" and ports == ["SSH"]:
        allowed = list(model.topology.places[Place.ADMINISTRATION])
        good = seen.remote in allowed and not matrix.too_wide(seen.remote)
        return judged(good, f"{', '.join(ports)} from {seen.remote}", [b for b in allowed if not matrix.too_wide(b)])
    wanted = matrix.remotes(model, seen)
    good = seen.remote in wanted and seen.remote.startswith("tier ")
    return judged(good, f"{', '.join(ports)} from {seen.remote}", sorted(wanted) or "no source at all")


@rule(
    "NET-03",
    phase="plan",
    on=SECURITY_GROUP_RULE,
    broken_by=_ingress_rule("edge", remote_ip_prefix="0.0.0.0/0", port_range_min=1, port_range_max=65535),
)
def no_wide_way_in(opening: Resource, model: Model) -> Outcome:
    seen = matrix.opened(opening, model)
    if seen is None or seen.direction != "ingress":
        return not_applicable("no way in")
    if seen.protocol == "any":
        return failed("every protocol", "tcp or udp")
    wide = seen.last - seen.first + 1 > WIDEST_RANGE
    media = seen.protocol == "udp" and bool(matrix.remotes(model, seen))
    expected = f"at most {WIDEST_RANGE} ports, media ranges of the matrix apart"
    return judged(not wide or media, seen, expected)


@rule(
    "NET-04",
    phase="plan",
    on=lambda model: (*model.plan.of(SECURITY_GROUP), *model.plan.of(SECURITY_GROUP_RULE)),
    broken_by=on_resource(SECURITY_GROUP, inputs(delete_default_rules=False)),
)
def outbound_denied_by_default(resource: Resource, model: Model) -> Outcome:
    if resource.type == SECURITY_GROUP:
        deleted = resource.get("delete_default_rules") is True
        return judged(deleted, "default rules deleted" if deleted else "default rules kept", "default rules deleted")
    seen = matrix.opened(resource, model)
    if seen is None or seen.direction != "egress":
        return not_applicable("no way out")
    return judged(not matrix.is_world(seen.remote), seen, "a remote that the matrix names, never the world")


@rule(
    "NET-06",
    phase="plan",
    on=(NETWORK, PORT),
    broken_by=on_resource(PORT, inputs(port_security_enabled=False), tier="edge"),
)
def anti_spoofing_stays_on(resource: Resource, model: Model) -> Outcome:
    if resource.type == PORT and resource.name in _joints(model):
        return not_applicable("a router's own port, where no machine is")
    enabled = resource.get("port_security_enabled")
    if enabled is False:
        return failed("port security off", "port security on")
    if resource.type == NETWORK:
        if enabled is None:
            return unknown("left to the cloud's default", settled_in="runtime", expected="port security on")
        return passed("port security on", "port security on")
    return _own_addresses(resource, model)


def _own_addresses(port: Resource, model: Model) -> Outcome:
    if port.get("no_security_groups") or not port.get("security_group_ids"):
        return failed("no security group", "the tier's security group")
    tier = model.tier_of(port)
    shared = {one.address for one in model.topology.fronts if one.tier == tier and one.way == "virtual-address"}
    others = {pair.get("ip_address") for pair in port.get("allowed_address_pairs") or ()} - shared
    if others:
        return failed(f"other addresses allowed: {len(others)}", "its own address, and the one its tier shares")
    return passed("a security group, no address but its own", "port security on, no other address")


def _joints(model: Model) -> set[str]:
    """Ports that routers are joined by."""
    return {ref.target for one in model.plan.of(ROUTER_INTERFACE) for ref in references(one.get("port_id"))}


@rule(
    "NET-07",
    phase="plan",
    on=lambda model: tuple(_public(model)),
    broken_by=with_resource(lambda model: _floating_on(model, "bus")),
)
def public_addresses_where_meant(address: Resource, model: Model) -> Outcome:
    ports = [model.plan.follow(ref) for ref in references(address.inputs)]
    tiers = {model.tier_of(port) for port in ports if port is not None and port.type == PORT}
    tier = next(iter(tiers), None) or model.tier_of(address)
    public = [t.name for t in model.topology.tiers if t.public]
    if tier is None:
        return unknown("the port is known after apply", settled_in="runtime", expected=public)
    return judged(tier in public, f"a public address for {tier}", public)


def _public(model: Model) -> Iterator[Resource]:
    yield from model.plan.of(FLOATING_IP, FLOATING_IP_ASSOCIATE)


def _floating_on(model: Model, tier: str) -> Resource:
    port = next(r for r in model.plan.of(PORT) if model.tier_of(r) == tier)
    return Resource(FLOATING_IP_ASSOCIATE, f"{port.name}-public", inputs={"port_id": Ref(port.name)})


@rule("NET-09", phase="plan", on=NETWORK, broken_by=on_resource(NETWORK, inputs(shared=True)))
def networks_are_not_shared(network: Resource, _model: Model) -> Outcome:
    return judged(network.get("shared") is not True, f"shared: {network.get('shared') is True}", "not shared")


@rule(
    "NET-10",
    phase="plan",
    on=lambda model: (*model.plan.of(SUBNET), *model.plan.of(SECURITY_GROUP_RULE)),
    broken_by=on_resource(SUBNET, inputs(ip_version=6, cidr="fd00::/64")),
)
def no_ipv6_left_open(resource: Resource, model: Model) -> Outcome:
    if resource.type == SUBNET:
        version, own = resource.get("ip_version") or 4, [n.cidr6 for n in model.topology.networks if n.cidr6]
        known = version == 4 or resource.get("cidr") in own
        return judged(known, f"IPv{version}: {resource.get('cidr')}", ["IPv4", *own])
    opening = matrix.opened(resource, model)
    known = resource.get("ethertype") == "IPv4" or opening in matrix.expected(model)
    return judged(known, f"{resource.get('ethertype')}: {opening}", "IPv4, or a line of the flow matrix")


@rule(
    "NET-12",
    phase="plan",
    on=SECURITY_GROUP_RULE,
    broken_by=lambda model: _ingress_rule(
        "media", port_range_min=22, port_range_max=22, remote_group_id=Ref(_group_of(model, "media"))
    )(model),
)
def no_side_steps_between_nodes(opening: Resource, model: Model) -> Outcome:
    seen = matrix.opened(opening, model)
    if seen is None or seen.direction != "ingress" or not seen.reaches(22):
        return not_applicable("no SSH")
    return judged(seen.remote != f"tier {seen.tier}", f"SSH from {seen.remote}", "no SSH between the nodes of a tier")


def _group_of(model: Model, tier: str) -> str:
    return next(r.name for r in model.plan.of(SECURITY_GROUP) if model.tier_of(r) == tier)
