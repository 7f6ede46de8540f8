"""What the cloud has, against what was applied: a refresh that records nothing, and a look for what nobody declared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from pulumi import automation

from socle.engine import catalogue, inventory
from socle.engine.deploy import Listener
from socle.engine.refusals import engine_errors
from socle.errors import CloudError
from socle.graph import live, model
from socle.graph.live import Difference, Seen
from socle.graph.model import Ref
from socle.messages import _

if TYPE_CHECKING:
    from openstack.connection import Connection

RULE_KEYS = {
    "direction": "direction",
    "ether_type": "ethertype",
    "protocol": "protocol",
    "port_range_min": "port_range_min",
    "port_range_max": "port_range_max",
    "remote_ip_prefix": "remote_ip_prefix",
    "remote_group_id": "remote_group_id",
    "security_group_id": "security_group_id",
    "description": "description",
}


HOLDING = {model.PORT, model.ROUTER_INTERFACE, model.ROUTER_ROUTE, model.LISTENER, model.POOL}
PROBER = "ovn-lb-hm:distributed"  # the port that OVN's load balancer probes from, one for each subnet


def look(stack: automation.Stack, cloud: Connection) -> Seen:
    """Changes neither the cloud nor the state. Raises CloudError or EngineError when the cloud cannot be read."""
    steps: dict[str, Any] = {}
    listener = Listener()

    def listen(event: Any) -> None:
        listener(event)
        if event.res_outputs_event:
            steps[event.res_outputs_event.metadata.urn] = event.res_outputs_event.metadata

    with engine_errors(listener.errors):
        stack.preview_refresh(on_event=listen, color="never", run_program=False)
    found = list(steps.values())
    return live.seen(found, undeclared(cloud, live.identities(found)))


def undeclared(cloud: Connection, names: Mapping[str, Ref]) -> list[Difference]:
    """What is inside the stack's own groups, networks, routers, instances, balancers and zones, and in no state."""
    project = cloud.current_project_id
    looks: list[Callable[[], Iterator[Difference]]] = [
        lambda: _rules(cloud, project, names),
        lambda: _ports(cloud, project, names),
        lambda: _addresses(cloud, project, names),
        lambda: _attachments(cloud, names),
        lambda: _routes(cloud, project, names),
    ]
    if catalogue.offers(cloud, "load-balancer"):
        looks.append(lambda: inventory.if_allowed(lambda: _balancers(cloud, project, names)))
    if catalogue.offers(cloud, "dns"):
        looks.append(lambda: inventory.if_allowed(lambda: _records(cloud, names)))
    with ThreadPoolExecutor(max_workers=len(looks)) as pool:
        return [one for part in pool.map(lambda look: list(look()), looks) for one in part]


def holding(cloud: Connection, deployment: Mapping[str, Any]) -> list[Difference]:
    """What nobody declared and what keeps the stack's networks, routers and load balancers from being deleted."""
    return [one for one in undeclared(cloud, recorded(deployment)) if one.type in HOLDING]


def recorded(deployment: Mapping[str, Any]) -> dict[str, Ref]:
    """What the state calls by an id: the id -> the program's name of it."""
    names = {}
    for one in (one for one in deployment.get("resources", ()) if one.get("id")):
        name = one["urn"].rpartition("::")[2]
        names[str(one["id"])] = Ref(name)
        if port := (one.get("outputs") or {}).get("vipPortId"):
            names[str(port)] = Ref(name, "vip_port_id")
    return names


def refuse_held(found: Sequence[Difference]) -> None:
    """Raises CloudError: deleting what holds somebody's port, route or listener waits for minutes, and then fails
    half-way."""
    if found:
        things = ", ".join(f"{one.title} {one.name} ({holder(one)})" for one in found)
        hint = _("nothing was destroyed; remove them, then run the same command again")
        raise CloudError(
            "SOC-4111", "what this stack did not make holds what it made: {things}", hint=hint, things=things
        )


def holder(one: Difference) -> str:
    """The resource of the stack that it is in."""
    return next((value.target for value in one.live.values() if isinstance(value, Ref)), "")


def _strange(kind: str, thing: str, name: str, inputs: Mapping[str, Any], names: Mapping[str, Ref]) -> Difference:
    held = {key: value for key, value in inputs.items() if value not in (None, "", [])}
    return Difference("undeclared", kind, name or thing, live=live.referring(held, names))


def _rules(cloud: Connection, project: str, names: Mapping[str, Ref]) -> Iterator[Difference]:
    for rule in cloud.network.security_group_rules(project_id=project):
        if rule.security_group_id in names and rule.id not in names:
            inputs = {ours: getattr(rule, theirs) for theirs, ours in RULE_KEYS.items()}
            yield _strange(model.SECURITY_GROUP_RULE, rule.id, "", inputs, names)


def _ports(cloud: Connection, project: str, names: Mapping[str, Ref]) -> Iterator[Difference]:
    ports = list(cloud.network.ports(project_id=project))
    balanced = {port.network_id for port in ports if names.get(port.id, Ref("")).output == "vip_port_id"}
    for port in ports:
        owner = port.device_owner or ""
        if port.id in names or port.network_id not in names:
            continue
        if owner == PROBER and port.network_id in balanced:
            continue
        if owner.startswith("network:router_interface"):
            inputs = {"router_id": port.device_id, "network_id": port.network_id}
            yield _strange(model.ROUTER_INTERFACE, port.id, port.name, inputs, names)
        elif not owner.startswith("network:"):
            inputs = {
                "network_id": port.network_id,
                "fixed_ips": [one["ip_address"] for one in port.fixed_ips or ()],
                "security_group_ids": port.security_group_ids,
                "port_security_enabled": port.is_port_security_enabled,
                "device_owner": owner,
            }
            yield _strange(model.PORT, port.id, port.name, inputs, names)


def _addresses(cloud: Connection, project: str, names: Mapping[str, Ref]) -> Iterator[Difference]:
    for address in cloud.network.ips(project_id=project):
        if address.port_id in names and address.id not in names:
            inputs = {"address": address.floating_ip_address, "port_id": address.port_id}
            yield _strange(model.FLOATING_IP, address.id, address.floating_ip_address, inputs, names)


def _attachments(cloud: Connection, names: Mapping[str, Ref]) -> Iterator[Difference]:
    for server in cloud.compute.servers():
        for volume in server.attached_volumes or () if server.id in names else ():
            if volume["id"] not in names:
                inputs = {"instance_id": server.id, "volume_id": volume["id"]}
                yield _strange(model.VOLUME_ATTACH, volume["id"], "", inputs, names)


def _routes(cloud: Connection, project: str, names: Mapping[str, Ref]) -> Iterator[Difference]:
    for router in cloud.network.routers(project_id=project):
        for route in (router.routes or ()) if router.id in names else ():
            destination, hop = route["destination"], route["nexthop"]
            if inventory.route_id(router.id, route) not in names:
                inputs = {"router_id": router.id, "destination_cidr": destination, "next_hop": hop}
                yield _strange(model.ROUTER_ROUTE, destination, "", inputs, names)


def _balancers(cloud: Connection, project: str, names: Mapping[str, Ref]) -> Iterator[Difference]:
    api = cloud.load_balancer
    for listener in api.listeners(project_id=project):
        within = [one["id"] for one in listener.load_balancers or () if one["id"] in names]
        if within and listener.id not in names:
            inputs = {"loadbalancer_id": within[0], "protocol": listener.protocol, "port": listener.protocol_port}
            yield _strange(model.LISTENER, listener.id, listener.name, inputs, names)
    for pool in api.pools(project_id=project):
        within = [one["id"] for one in pool.loadbalancers or () if one["id"] in names]
        if within and pool.id not in names:
            yield _strange(model.POOL, pool.id, pool.name, {"loadbalancer_id": within[0]}, names)
    for monitor in api.health_monitors(project_id=project):
        within = [one["id"] for one in monitor.pools or () if one["id"] in names]
        if within and monitor.id not in names:
            yield _strange(model.MONITOR, monitor.id, monitor.name, {"pool_id": within[0]}, names)


def _records(cloud: Connection, names: Mapping[str, Ref]) -> Iterator[Difference]:
    """In the stack's own zone; the zone's own records come with it."""
    for zone in cloud.dns.zones():
        for record in cloud.dns.recordsets(zone) if zone.id in names else ():
            if record.type not in ("NS", "SOA") and f"{zone.id}/{record.id}" not in names:
                inputs = {"zone_id": zone.id, "type": record.type, "records": sorted(record.records)}
                yield _strange(model.RECORD_SET, record.id, record.name, inputs, names)
