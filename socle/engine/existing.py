"""What the ministry's cloud team owns and the stack file names: there, once, and as the file says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from socle.errors import CloudError
from socle.messages import _
from socle.stack.load import LoadedStack
from socle.stack.model import ExistingNetwork
from socle.topology import Topology
from socle.topology.model import mark

if TYPE_CHECKING:
    from openstack.connection import Connection

Path = tuple[str | int, ...]


def problems(cloud: Connection, loaded: LoadedStack, topology: Topology) -> list[CloudError]:
    """One error for each thing that is missing, ambiguous, other than written or in use, with its place in the file."""
    own = loaded.stack.existing
    owners = {node.public: (node.address, tier) for tier in topology.tiers for node in tier.nodes if node.public}
    owners |= {front.public: (front.address, topology.tier(front.tier)) for front in topology.fronts if front.public}
    looks: list[Callable[[], Iterator[CloudError]]] = [
        lambda tier=tier, one=one: _network(cloud, loaded, topology, tier, one)  # type: ignore[misc]
        for tier, one in own.networks.items()
    ]
    for tier, addresses in own.addresses.items():
        for index, address in enumerate(map(str, addresses)):
            fixed, network = (owners[address][0], owners[address][1].network.name) if address in owners else ("", "")
            path = ("existing", "addresses", tier, index)
            looks.append(
                lambda path=path, address=address, fixed=fixed, network=network: _address(  # type: ignore[misc]
                    cloud, loaded, path, address, fixed, network
                )
            )
    if own.zone and loaded.cloud.dns.update == "designate":
        looks.append(lambda: _zone(cloud, loaded, topology, str(own.zone)))
    with ThreadPoolExecutor(max_workers=4) as pool:
        return [one for part in pool.map(lambda look: list(look()), looks) for one in part]


def _network(
    cloud: Connection, loaded: LoadedStack, topology: Topology, tier: str, wanted: ExistingNetwork
) -> Iterator[CloudError]:
    path = ("existing", "networks", tier)
    networks = [one for one in cloud.network.networks(name=wanted.network) if one.name == wanted.network]
    yield from _once(loaded, (*path, "network"), _("network"), wanted.network, networks)
    if len(networks) != 1:
        return
    network = networks[0]
    subnets = list(cloud.network.subnets(name=wanted.subnet, network_id=network.id))
    yield from _once(loaded, (*path, "subnet"), _("subnet of this network"), wanted.subnet, subnets)
    if len(subnets) != 1:
        return
    subnet = subnets[0]
    if str(subnet.cidr) != str(wanted.cidr):
        yield _other(loaded, (*path, "cidr"), _("block of {name}").format(name=wanted.subnet), wanted.cidr, subnet.cidr)
        return
    nodes = [node for one in topology.tiers if one.name == tier for node in one.nodes]
    gateway = next((one.network.gateway for one in topology.tiers if one.name == tier), None)
    if gateway and subnet.gateway_ip != gateway:
        what = _("router's address on {name}").format(name=wanted.subnet)
        yield _other(loaded, (*path, "subnet"), what, gateway, subnet.gateway_ip or _("none"))
    own = mark(topology.stack)
    taken = {
        fixed["ip_address"]
        for port in cloud.network.ports(network_id=network.id)
        for fixed in port.fixed_ips or ()
        if own not in (port.description or "").split()
    }
    for node in nodes:
        if node.address in taken:
            yield _in_use(loaded, (*path, "cidr"), node.address, wanted.network)


def _address(
    cloud: Connection, loaded: LoadedStack, path: Path, address: str, fixed: str, network: str
) -> Iterator[CloudError]:
    """`fixed`, `network`: where the stack has it, or nothing."""
    found = list(cloud.network.ips(floating_ip_address=address, project_id=cloud.current_project_id))
    yield from _once(loaded, path, _("public address in this project"), address, found)
    if len(found) != 1 or not found[0].port_id:
        return
    port = cloud.network.get_port(found[0].port_id)
    if found[0].fixed_ip_address != fixed or cloud.network.get_network(port.network_id).name != network:
        yield _in_use(loaded, path, address, port.name or port.id)


def _zone(cloud: Connection, loaded: LoadedStack, topology: Topology, zone: str) -> Iterator[CloudError]:
    path = ("existing", "zone")
    found = [one for one in cloud.dns.zones(name=f"{zone}.") if one.name == f"{zone}."]
    yield from _once(loaded, path, _("DNS zone"), zone, found)
    if len(found) != 1:
        return
    names = {f"{record.fqdn}." for record in topology.records}
    for record in cloud.dns.recordsets(found[0]):
        own = mark(topology.stack) in (record.description or "").split()
        if record.name in names and record.type in ("A", "CNAME") and not own:
            yield _in_use(loaded, path, record.name, f"{record.type} {' '.join(record.records or ())}")


def _once(loaded: LoadedStack, path: Path, what: str, name: str, found: Sequence[Any]) -> Iterator[CloudError]:
    if not found:
        yield CloudError(
            "SOC-4225",
            "{cloud} has no {what}: {name}",
            where=loaded.document.mark(path),
            hint=_("correct the stack file, or ask the cloud team for it"),
            cloud=loaded.stack.cloud,
            what=what,
            name=name,
        )
    elif len(found) > 1:
        yield ambiguous(loaded, what, name, path)


def ambiguous(loaded: LoadedStack, what: str, name: str, path: Path | None = None) -> CloudError:
    """`path`: in the stack file."""
    return CloudError(
        "SOC-4226",
        "{cloud} has several of one name, {what}: {name}",
        where=loaded.document.mark(path) if path else None,
        hint=_("which one is meant cannot be told; ask the cloud team for a name that only one has"),
        cloud=loaded.stack.cloud,
        what=what,
        name=name,
    )


def _other(loaded: LoadedStack, path: Path, what: str, ours: object, theirs: object) -> CloudError:
    return CloudError(
        "SOC-4227",
        "in the cloud it is another {what}: {theirs}, not {ours}",
        where=loaded.document.mark(path),
        hint=_("correct the stack file, or ask the cloud team"),
        what=what,
        theirs=theirs,
        ours=ours,
    )


def _in_use(loaded: LoadedStack, path: Path, thing: str, by: str) -> CloudError:
    return CloudError(
        "SOC-4228",
        "somebody else uses {thing}: {by}",
        where=loaded.document.mark(path),
        hint=_("name another one, or ask the cloud team to free it"),
        thing=thing,
        by=by,
    )
