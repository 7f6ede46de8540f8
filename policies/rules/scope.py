"""Scope, sovereignty, inventory: GOV."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, get_args
from urllib.parse import urlsplit

from policies import matrix, targets
from policies.formats import yaml_of
from socle.graph import UNKNOWN, Resource
from socle.graph.model import (
    CONTAINER,
    FLOATING_IP,
    INSTANCE,
    LISTENER,
    LOAD_BALANCER,
    PROVIDER,
    SECURITY_GROUP_RULE,
    VOLUME,
)
from socle.policy.model import File, Model
from socle.policy.mutation import (
    in_file,
    in_live,
    inputs,
    on_cloud,
    on_resource,
    on_stack,
    removed,
    together,
)
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule
from socle.stack.model import SENSITIVE, Kind
from socle.topology.flows import Flow, Place
from socle.topology.model import Tier

QUALIFIED = "secnumcloud"
LONG_AGO = date(2020, 1, 1)
TERRITORY = ("FR",)  # our default; a wider set is a ministry's own decision (SNC 19.2.b asks for the EU)
PLACES = ("region", "availability_zone", "availability_zone_hints")  # inputs that say where a resource is
INVENTORY = ("owner", "function", "environment", "security-need")


def _data_classes(model: Model) -> Iterable[str]:
    return get_args(Kind)


@rule(
    "GOV-01",
    phase="spec",
    on=_data_classes,
    key=("data",),
    broken_by=together(
        on_stack("data.media", "sensitive"), on_cloud("embedded", False), on_cloud("qualification.until", LONG_AGO)
    ),
)
def sensitive_data_on_a_qualified_offer(kind: str, model: Model) -> Outcome:
    if kind not in model.loaded.stack.data.classes:
        return unknown(
            f"the stack file gives no class to: {kind}", settled_in="process", expected="a sensitivity for each"
        )
    sensitivity = str(model.loaded.stack.data.classes[kind])
    if sensitivity not in SENSITIVE:
        return passed(f"{kind} is {sensitivity}", "a declared sensitivity", key=("data", kind))
    offer = model.loaded.cloud.qualification
    wanted = "an offer qualified SecNumCloud, with its scope and an end date to come"
    seen = (
        f"{kind} is {sensitivity}; offer: {offer.scheme}, {offer.scope or 'no scope'}, until {offer.until or 'no date'}"
    )
    good = bool(_qualified(model) and offer.scope and offer.until and offer.until > model.today)
    if good and sensitivity == "restricted":
        return unknown(
            f"{seen}; restricted data needs an approval of its own",
            settled_in="process",
            expected="a decision of approval for restricted data",
            key=("data", kind),
        )
    return judged(good, seen, wanted, key=("data", kind) if good else ("cloud",))


def _qualified(model: Model) -> bool:
    scheme = model.loaded.cloud.qualification.scheme.lower().replace(" ", "")
    return scheme.startswith(QUALIFIED)


@rule(
    "GOV-02",
    phase="spec",
    on=targets.stack,
    key=("cloud",),
    broken_by=together(on_stack("data.media", "sensitive"), on_cloud("qualification.scope", None)),
)
def the_region_is_in_the_scope(_stack: targets.Whole, model: Model) -> Outcome:
    cloud = model.loaded.cloud
    if not targets.is_sensitive(model):
        return not_applicable("no data class of this stack asks for a qualified service")
    scope = cloud.qualification.scope
    wanted = f"a scope that names region {cloud.region}"
    if not _qualified(model) or not scope:
        return failed(f"{cloud.qualification.scheme}, scope: {scope or 'none'}", wanted)
    if cloud.region.lower() in scope.lower():
        return passed(f"scope: {scope}", wanted)
    return unknown(f"the scope does not name region {cloud.region}: {scope}", settled_in="process", expected=wanted)


@rule(
    "GOV-02",
    phase="runtime",
    on=targets.stack,
    key=("cloud",),
    broken_by=in_live(
        lambda live: live["endpoints"].append({"service": "x", "region": "Elsewhere", "url": "https://x"})
    ),
)
def endpoints_are_in_the_region(_stack: targets.Whole, model: Model) -> Outcome:
    endpoints = (model.live or {}).get("endpoints")
    if not endpoints:
        return unknown("the cloud's catalogue was not read", settled_in="runtime")
    region = model.loaded.cloud.region
    outside = [f"{e['service']} in {e['region']}" for e in endpoints if e.get("region") != region]
    return judged(not outside, outside or f"{len(endpoints)} endpoints in {region}", f"every endpoint in {region}")


def _placed(model: Model) -> Iterator[Resource]:
    """What is somewhere: the provider, whose region is that of all that names none; servers and volumes; and whatever
    names a region or a zone of its own."""
    for one in model.plan:
        if one.type in (PROVIDER, INSTANCE, VOLUME) or any(one.get(key) is not None for key in PLACES):
            yield one


@rule(
    "GOV-03",
    phase="plan",
    on=_placed,
    key=("cloud",),
    broken_by=on_resource(PROVIDER, inputs(region="Elsewhere")),
)
def placed_in_the_region(resource: Resource, model: Model) -> Iterator[Outcome]:
    cloud, region = model.loaded.cloud, resource.get("region")
    if region is not None or resource.type == PROVIDER:
        wanted = f"region {cloud.region}"
        if region is UNKNOWN:
            yield unknown("the region is known after apply", settled_in="runtime", expected=wanted)
        else:
            yield judged(region == cloud.region, f"region {region or 'of whoever deploys'}", wanted)
    if resource.type in (INSTANCE, VOLUME) or any(resource.get(key) is not None for key in PLACES[1:]):
        hints = resource.get("availability_zone_hints")
        named = hints if isinstance(hints, list) else [resource.get("availability_zone") or hints]
        yield from (_zone(zone, model) for zone in named)


def _zone(zone: Any, model: Model) -> Outcome:
    zones = model.loaded.cloud.zones
    if not isinstance(zone, str):
        return unknown("no zone is asked for: the cloud chooses", settled_in="runtime", expected=zones)
    zone = zone.partition(":")[0]
    if zone not in zones:
        return failed(f"zone {zone}", zones)
    if model.loaded.cloud.embedded:
        return passed(f"zone {zone}, on this machine", zones)
    return unknown(
        f"zone {zone} of {model.loaded.cloud.region}; its territory is the provider's statement",
        settled_in="process",
        expected=f"a zone in {', '.join(TERRITORY)}",
    )


@rule(
    "GOV-04",
    phase="config",
    on=targets.file("media", "livekit.yaml"),
    key=("domain",),
    broken_by=in_file("media", "livekit.yaml", r"^rtc:", "more: {urls: ['https://elsewhere.example/hook']}\nrtc:"),
)
def media_nodes_name_no_third_party(file: File, model: Model) -> Outcome:
    if file.text is None:
        return failed("not rendered", "a configuration file")
    declared = {model.topology.domain, *_surroundings(model)}
    declared |= {host for third in model.loaded.stack.third_parties for host in third.hosts}
    hosts = {host for host in _hosts(yaml_of(file.text)) if not _own(host, declared, model)}
    return judged(
        not hosts,
        sorted(hosts) or "no host outside the stack",
        "hosts of the stack, of its cloud file or of a declared third party",
    )


def _surroundings(model: Model) -> Iterator[str]:
    around = model.loaded.cloud.surroundings
    for server in (around.names, around.time, around.mirror, around.registry):
        yield server.name
        yield str(server.address)


def _hosts(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _hosts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _hosts(item)
    elif isinstance(value, str):
        if "://" in value:
            yield urlsplit(value).hostname or ""
        elif value.count(":") == 1 and value.rpartition(":")[2].isdigit():
            yield value.partition(":")[0]


def _own(host: str, declared: set[str], model: Model) -> bool:
    addresses = {node.address for node in model.topology.nodes}
    return host in declared | addresses or host.endswith(f".{model.topology.domain}") or host.startswith("127.")


@rule(
    "GOV-05",
    phase="plan",
    on=(INSTANCE, VOLUME, FLOATING_IP, LOAD_BALANCER, CONTAINER),
    key=("organisation",),
    broken_by=on_resource(INSTANCE, inputs(metadata={}, tags=[])),
)
def every_item_says_what_it_is(resource: Resource, _model: Model) -> Outcome:
    metadata = resource.get("metadata") or resource.get("value_specs") or {}
    said = set(metadata) if isinstance(metadata, dict) else set()
    said |= {str(tag).partition("=")[0] for tag in resource.get("tags") or ()}
    if resource.type == FLOATING_IP and not said and resource.get("description"):
        return unknown(f"description only: {resource.get('description')}", settled_in="process", expected=INVENTORY)
    missing = [name for name in INVENTORY if name not in said and name.replace("-", "_") not in said]
    return judged(not missing, f"missing: {', '.join(missing)}" if missing else sorted(said), INVENTORY)


def _without_reason(model: Model) -> Model:
    from dataclasses import replace

    from socle.topology.flows import Flows

    first, *rest = model.topology.flows
    return replace(model, topology=replace(model.topology, flows=Flows((replace(first, why=""), *rest))))


@rule(
    "GOV-07",
    phase="spec",
    on=lambda model: tuple(model.topology.flows),
    broken_by=_without_reason,
)
def every_flow_has_a_reason(flow: Flow, _model: Model) -> Outcome:
    return judged(len(flow.why.strip()) > 5, flow.why or "no reason", "a justification")


@rule(
    "GOV-07",
    phase="plan",
    on=lambda model: (*model.plan.of(SECURITY_GROUP_RULE, LISTENER), *model.topology.tiers),
    broken_by=on_resource(SECURITY_GROUP_RULE, removed),
)
def rules_equal_the_flow_matrix(subject: Resource | Tier, model: Model) -> Outcome:
    wanted = matrix.expected(model)
    if isinstance(subject, Tier):
        present = matrix.present(model)
        vague = {one.without_remote for one in present if one.remote == "?"}
        missing = [
            f"{flow}: {one}"
            for one, flow in wanted.items()
            if one.tier == subject.name and one not in present and one.without_remote not in vague
        ]
        return judged(not missing, missing or "every flow has its rule", "a rule for each flow of the matrix")
    if subject.type == LISTENER:
        return _listens(subject, model)
    seen = matrix.opened(subject, model)
    if seen is None:
        return failed("a rule of a group that belongs to no tier", "a rule for a flow of the matrix")
    if seen in wanted:
        return passed(f"flow {wanted[seen]}: {seen}", "a flow of the matrix")
    if seen.remote == "?" and matrix.remotes(model, seen):
        return unknown(f"remote known after apply: {seen}", settled_in="runtime", expected="a flow of the matrix")
    return failed(seen, "a flow of the matrix")


def _listens(listener: Resource, model: Model) -> Outcome:
    """A load balancer's own door: a flow of users to the tier behind it, passed on without being opened."""
    balancer = model.plan.follow(listener.get("loadbalancer_id"))
    tier = model.tier_of(balancer) or model.tier_of(listener)
    users = [one for one in model.topology.flows.into(tier or "") if one.source == Place.INTERNET]
    ways = {(one.protocol, one.first): one.name for one in users if one.first == one.last}
    protocol, port = str(listener.get("protocol")).lower(), listener.get("protocol_port")
    seen = f"{tier or 'no tier'}: {protocol} {port}"
    wanted = [f"{name}: {kind} {at}" for (kind, at), name in ways.items()] or "no listener"
    return judged((protocol, port) in ways, seen, wanted)


def _with_a_twin(model: Model) -> Model:
    from dataclasses import replace

    from socle.policy.model import Neighbour

    cloud = model.loaded.cloud
    twin = Neighbour("twin", "another", model.loaded.stack.cloud, cloud.auth_url, cloud.project, "10.0.0.0/19")
    return replace(model, neighbours=(*model.neighbours, twin))


@rule(
    "GOV-08",
    phase="spec",
    on=targets.stack,
    key=("environment",),
    broken_by=_with_a_twin,
)
def environments_share_nothing(_stack: targets.Whole, model: Model) -> Outcome:
    stack, cloud = model.loaded.stack, model.loaded.cloud
    here = (cloud.auth_url, cloud.project)
    sharing = [
        f"{n.name} ({n.environment})"
        for n in model.neighbours
        if (n.auth_url, n.project) == here and n.environment != str(stack.environment)
    ]
    wanted = f"a project of its own for {stack.environment}"
    return judged(not sharing, f"project {cloud.project} shared with {', '.join(sharing)}" if sharing
                  else f"project {cloud.project}", wanted)  # fmt: skip
