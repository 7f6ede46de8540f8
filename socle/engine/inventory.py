"""Everything in the cloud's project that carries a stack's name, as plain values; and its deletion, in a safe order."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from socle.engine import catalogue, objects
from socle.engine.answers import found
from socle.engine.patience import PATIENCE, Patience
from socle.errors import CloudError
from socle.messages import _
from socle.topology.model import mark

if TYPE_CHECKING:
    from openstack.connection import Connection

T = TypeVar("T")

# Kinds in the order in which they can be deleted.
ORDER = (
    "server",
    "attachment",
    "health monitor",
    "pool",
    "listener",
    "load balancer",
    "floating IP",
    "record set",
    "DNS zone",
    "router route",
    "router interface",
    "router",
    "port",
    "subnet",
    "network",
    "security group rule",
    "security group",
    "server group",
    "volume",
    "keypair",
    "container",
)
INSIDE = {"router interface", "router route", "attachment", "security group rule"}
# What nobody can lose by being made twice, and may hold data: a second creation takes it as it is.
ADOPTED = {"container"}


@dataclass(frozen=True)
class Thing:
    """`id` as the engine's state writes it. `within`: the id of what contains it (a port's router, a rule's group)."""

    kind: str
    id: str
    name: str = ""
    text: str = ""  # description
    metadata: Mapping[str, str] = field(default_factory=dict)
    within: str = ""

    @property
    def words(self) -> str:
        return f"{_(self.kind)} {self.name or self.id}"


def marked(thing: Thing, stack: str, names: Collection[str]) -> bool:
    """Whether the thing says itself that this stack made it.

    By a name that the program gives and that begins with the stack's (`names`), or by the labels of the program: the
    word `socle:<stack>` in its description, `socle_stack` in its metadata. A name has no dash, so `demo-` begins
    no name of another stack.
    """
    if thing.name in names and (thing.name == stack or thing.name.startswith(f"{stack}-")):
        return True
    return mark(stack) in thing.text.split() or thing.metadata.get("socle_stack") == stack


def of_stack(things: Sequence[Thing], stack: str, names: Collection[str]) -> list[Thing]:
    """What carries the stack's marks, and what is in it and can carry none (interfaces, attachments, rules)."""
    own = {thing.id for thing in things if marked(thing, stack, names)}
    return [thing for thing in things if thing.id in own or (thing.within in own and thing.kind in INSIDE)]


def orphans(things: Sequence[Thing], known: Collection[str], stack: str, names: Collection[str]) -> list[Thing]:
    """What the stack made and its state does not know, in deletion order. `known`: every id of the state."""

    def lost(thing: Thing) -> bool:
        if thing.id in known:
            return False
        if thing.kind == "security group rule":
            return bool(thing.text)  # the cloud adds rules without description to a new group
        if thing.kind == "attachment":
            return thing.id.rpartition("/")[2] in known  # else a boot volume, which belongs to its server
        return True

    found = [thing for thing in of_stack(things, stack, names) if lost(thing)]
    return in_order(found)


def in_order(found: Iterable[Thing]) -> list[Thing]:
    """As they can be deleted."""
    return sorted(found, key=lambda thing: (ORDER.index(thing.kind), thing.name, thing.id))


def route_id(router: str, route: Mapping[str, Any]) -> str:
    """As the provider writes it; Neutron gives a route none."""
    return f"{router}-route-{route['destination']}-{route['nexthop']}"


def everything(cloud: Connection) -> list[Thing]:
    """All things of the project of the kinds that Socle makes. Calls go out side by side."""
    project = cloud.current_project_id
    listers: list[Callable[[], Iterator[Thing]]] = [
        lambda: _servers(cloud),
        lambda: _network_things(cloud, project),
        lambda: (Thing("server group", one.id, one.name) for one in cloud.compute.server_groups()),
        lambda: (Thing("keypair", one.name, one.name) for one in cloud.compute.keypairs()),
        lambda: (
            Thing("volume", one.id, one.name or "", one.description or "", one.metadata or {})
            for one in cloud.block_storage.volumes()
        ),
        *(
            partial(if_allowed, partial(lister, cloud))
            for service, lister in OPTIONAL.items()
            if catalogue.offers(cloud, service)
        ),
    ]
    with ThreadPoolExecutor(max_workers=len(listers)) as pool:
        return [thing for part in pool.map(lambda lister: list(lister()), listers) for thing in part]


def _servers(cloud: Connection) -> Iterator[Thing]:
    for server in cloud.compute.servers():
        yield Thing("server", server.id, server.name, server.description or "", server.metadata or {})
        for volume in server.attached_volumes or ():
            yield Thing("attachment", f"{server.id}/{volume['id']}", within=server.id)


def if_allowed(lister: Callable[[], Iterator[T]]) -> Iterator[T]:
    """Whom a service does not let look has made nothing there."""
    from openstack.exceptions import ForbiddenException

    try:
        yield from lister()
    except ForbiddenException:
        return


def _balancers(cloud: Connection) -> Iterator[Thing]:
    api, mine = cloud.load_balancer, {"project_id": cloud.current_project_id}
    for kind, things in (
        ("load balancer", api.load_balancers(**mine)),
        ("listener", api.listeners(**mine)),
        ("pool", api.pools(**mine)),
        ("health monitor", api.health_monitors(**mine)),  # has a name and no description
    ):
        for one in things:
            yield Thing(kind, one.id, one.name or "", getattr(one, "description", "") or "")


def _public_names(cloud: Connection) -> Iterator[Thing]:
    for zone in cloud.dns.zones():
        yield Thing("DNS zone", zone.id, zone.name, zone.description or "")
        for record in cloud.dns.recordsets(zone):
            yield Thing("record set", f"{zone.id}/{record.id}", record.name, record.description or "")


def _containers(cloud: Connection) -> Iterator[Thing]:
    """Large S3 uploads put their parts into a container beside, which belongs to the first."""
    for one in cloud.object_store.containers():
        yield Thing("container", one.name, one.name.removesuffix(objects.PARTS))


OPTIONAL: dict[str, Callable[[Connection], Iterator[Thing]]] = {
    "load-balancer": _balancers,
    "dns": _public_names,
    "object-store": _containers,
}


def _network_things(cloud: Connection, project: str) -> Iterator[Thing]:
    api, mine = cloud.network, {"project_id": project}
    for kind, things in (
        ("network", api.networks(**mine)),
        ("subnet", api.subnets(**mine)),
        ("router", api.routers(**mine)),
        ("security group", api.security_groups(**mine)),
    ):
        for one in things:
            yield Thing(kind, one.id, one.name or "", one.description or "")
            for route in getattr(one, "routes", None) or ():
                yield Thing("router route", route_id(one.id, route), route["destination"], within=one.id)
    for rule in api.security_group_rules(**mine):
        yield Thing("security group rule", rule.id, "", rule.description or "", within=rule.security_group_id)
    for address in api.ips(**mine):
        yield Thing("floating IP", address.id, address.floating_ip_address, address.description or "")
    for port in api.ports(**mine):
        owner = port.device_owner or ""
        if owner.startswith("network:router_interface"):
            yield Thing("router interface", port.id, port.name or "", port.description or "", within=port.device_id)
        elif not owner.startswith("network:"):
            yield Thing("port", port.id, port.name or "", port.description or "")


def delete(
    cloud: Connection, things: Sequence[Thing], say: Callable[[str], None], patience: Patience = PATIENCE
) -> None:
    """Deletes them kind by kind and waits until each is gone. Raises CloudError naming the first that stays."""
    for kind in ORDER:
        part = [thing for thing in things if thing.kind == kind]
        for thing in part:
            say(_("deleting {thing}").format(thing=thing.words))
            _remove(cloud, thing, say, patience)
        for thing in part:
            _wait_gone(cloud, thing, patience)


def _remove(cloud: Connection, thing: Thing, say: Callable[[str], None], patience: Patience) -> None:
    """One deletion; asked again while the cloud says that the thing is busy."""
    network, compute = cloud.network, cloud.compute
    ways: dict[str, Callable[[], Any]] = {
        "server": lambda: compute.delete_server(thing.id),
        "attachment": lambda: compute.delete_volume_attachment(*thing.id.split("/")),
        "floating IP": lambda: network.delete_ip(thing.id),
        "router interface": lambda: network.remove_interface_from_router(thing.within, port_id=thing.id),
        "server group": lambda: compute.delete_server_group(thing.id),
        "volume": lambda: cloud.block_storage.delete_volume(thing.id),
        "keypair": lambda: compute.delete_keypair(thing.id),
        "load balancer": lambda: cloud.load_balancer.delete_load_balancer(thing.id),
        "listener": lambda: cloud.load_balancer.delete_listener(thing.id),
        "pool": lambda: cloud.load_balancer.delete_pool(thing.id),
        "health monitor": lambda: cloud.load_balancer.delete_health_monitor(thing.id),
        "DNS zone": lambda: cloud.dns.delete_zone(thing.id),
        "record set": lambda: cloud.dns.delete_recordset(*reversed(thing.id.split("/"))),
        "router route": lambda: _without_route(cloud, thing),
        "container": lambda: cloud.object_store.delete_container(thing.id),
    }
    if thing.kind == "container":
        objects.empty(cloud, thing.id, say)
    plain = f"delete_{thing.kind.replace(' ', '_')}"
    ask = ways[thing.kind] if thing.kind in ways else lambda: getattr(network, plain)(thing.id)
    _until(thing, lambda: _allowed(ask), patience)


def _without_route(cloud: Connection, thing: Thing) -> None:
    router = cloud.network.get_router(thing.within)
    rest = [route for route in router.routes if route_id(router.id, route) != thing.id]
    cloud.network.update_router(router, routes=rest)


def _allowed(ask: Callable[[], Any]) -> bool:
    from openstack import exceptions

    try:
        ask()
    except exceptions.NotFoundException:
        return True
    except (exceptions.ConflictException, exceptions.BadRequestException):
        return False  # in use, or still being made
    return True


def _wait_gone(cloud: Connection, thing: Thing, patience: Patience) -> None:
    finders: dict[str, Callable[[], Any]] = {
        "server": lambda: found(cloud.compute.find_server, thing.id),
        "volume": lambda: found(cloud.block_storage.find_volume, thing.id),
        "attachment": lambda: thing.id in {one.id for one in _servers(cloud)} or None,
        "load balancer": lambda: found(cloud.load_balancer.find_load_balancer, thing.id),
        "DNS zone": lambda: found(cloud.dns.find_zone, thing.id),
        "record set": lambda: found(partial(cloud.dns.find_recordset, thing.id.split("/")[0]), thing.id.split("/")[-1]),
    }
    if finder := finders.get(thing.kind):
        _until(thing, lambda: finder() is None, patience)


def _until(thing: Thing, done: Callable[[], bool], patience: Patience) -> None:
    deadline = patience.now() + patience.gone
    while not done():
        if patience.now() > deadline:
            hint = _("see in the cloud what uses it, then run the same command again")
            raise CloudError(
                "SOC-4107", _("the cloud does not let go of: {thing}").format(thing=thing.words), hint=hint
            )
        patience.sleep(patience.look)
