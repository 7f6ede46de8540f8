"""From a validated stack to its topology. No I/O, no clock, no randomness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from socle.errors import InputError
from socle.messages import _
from socle.stack.cloud import Cloud
from socle.stack.explain import suggestion
from socle.stack.load import LoadedStack
from socle.stack.model import Environment, Stack
from socle.topology import identity
from socle.topology.flows import Flow, Flows, Place, Way
from socle.topology.matrix import written_out
from socle.topology.model import (
    Container,
    Front,
    Network,
    Node,
    Record,
    Tier,
    Topology,
    Transit,
    Volume,
)
from socle.topology.objects import bucket, store_of
from socle.topology.placement import placed, promotion
from socle.topology.secrets import secrets_of
from socle.topology.sizing import Demand, Sizing, TierSize
from socle.topology.sizing import figures as f
from socle.topology.sizing import size as sized
from socle.topology.tiers import TIERS, TRANSIT, TierKind

# of each network: .1 is the router, .2 to .8 are left to the network's own services
FRONT_HOST = 9
FIRST_HOST = 10
# flows between the nodes of a tier that has several
SEVERAL: dict[str, Way] = {
    "bus": "bus-votes", "cache": "cache-votes", "database": "database-votes", "logs": "logs-twice",
    "monitoring": "monitoring-twice",
}  # fmt: skip


def derive(loaded: LoadedStack) -> Topology:
    stack, cloud = loaded.stack, loaded.cloud
    _refuse_unknown(loaded)
    sizing = sized(demand_of(stack, cloud))
    _one_domain(loaded, sizing)
    blocks = [str(block) for block in stack.network.cidr.subnets(new_prefix=24)]
    all_tiers = (_tier(loaded, name, kind, blocks[kind.subnet], sizing.tiers[name]) for name, kind in TIERS.items())
    tiers = tuple(tier for tier in all_tiers if tier.nodes)
    identity.refuse(loaded, [tier.name for tier in tiers])
    _known_collector(loaded)
    store = store_of(loaded, [tier.name for tier in tiers])
    fronts = tuple(_front(loaded, tier) for tier in tiers if tier.fronted)
    outer, inner = (str(IPv4Network(blocks[TRANSIT])[host]) for host in (1, FIRST_HOST))
    return Topology(
        stack=loaded.name,
        domain=stack.domain,
        cidr=str(stack.network.cidr),
        tiers=tiers,
        flows=_flows(loaded, tiers, fronts),
        records=(
            Record(stack.domain, "edge"),
            Record(f"livekit.{stack.domain}", "edge"),
            Record(f"turn.{stack.domain}", "turn"),
            *(Record(f"sip.{stack.domain}", tier.name) for tier in tiers if tier.name == "telephony"),
        ),
        secrets=secrets_of(stack.domain, tiers, store, stack.certificates),
        places=_places(loaded, tiers),
        transit=Transit(Network(f"{loaded.name}-transit", "transit", blocks[TRANSIT], outer), inner),
        fronts=fronts,
        containers=_containers(loaded, {tier.name for tier in tiers}),
        store=store,
        left_out={tier: own.reason for tier, own in stack.overrides.items() if own.nodes == 0},
    )


def demand_of(stack: Stack, cloud: Cloud) -> Demand:
    """What a stack asks of the sizing model; its media nodes have the slowest port of the cloud's flavours for them."""
    people, features = stack.people, stack.features
    ports = (flavour.port for flavour in cloud.flavours.values() if flavour.vcpus >= f.CORES.value)
    return Demand(
        seats=people.seats,
        peak_in_call=people.peak_in_call,
        largest_room=people.largest_room,
        average_room=people.average_room,
        growth=people.growth,
        years=people.years,
        relayed_share=f.RELAYED.value if people.relayed is None else people.relayed,
        recording=features.recording,
        transcription=features.transcription,
        subtitles=features.subtitles,
        telephony=features.telephony,
        availability_zones=stack.availability.zones,
        retention_days=stack.retention.recordings,
        log_days=stack.retention.logs,
        lab=stack.environment == Environment.LAB,
        port=min(ports, default=int(f.PORT.value)),
        own_objects=not cloud.offers("object-store"),
    )


def _refuse_unknown(loaded: LoadedStack) -> None:
    """Raises InputError for what is said of a tier that does not exist, may not be left out, or has no such flavour."""
    stack, mark = loaded.stack, loaded.document.mark
    for tier, own in stack.overrides.items():
        _known(loaded, tier, "overrides")
        if own.nodes == 0 and TIERS[tier].needed:
            where = mark(("overrides", tier, "nodes"))
            raise InputError("SOC-1222", "no stack is one without the tier: {tier}", where=where, tier=tier)
        if own.flavour and own.flavour not in loaded.cloud.flavours:
            raise InputError(
                "SOC-1214",
                "{cloud} has no flavour: {name}",
                where=mark(("overrides", tier, "flavour")),
                hint=suggestion(own.flavour, list(loaded.cloud.flavours)),
                cloud=stack.cloud,
                name=own.flavour,
            )
    for tier in stack.existing.networks:
        _known(loaded, tier, "existing", "networks")
    for tier in stack.existing.addresses:
        _known(loaded, tier, "existing", "addresses")


def _known_collector(loaded: LoadedStack) -> None:
    """Raises InputError where logs are to go to a collector that the cloud file does not place."""
    wanted, server = loaded.stack.monitoring.logs_to, loaded.cloud.surroundings.logs
    if wanted and (server is None or server.name != wanted):
        raise InputError(
            "SOC-1229",
            "{cloud} does not say where the log collector answers: {name}",
            where=loaded.document.mark(("monitoring", "logs_to")),
            hint=_("write surroundings.logs in the cloud file: address, name, port"),
            cloud=loaded.stack.cloud,
            name=wanted,
        )


def _known(loaded: LoadedStack, tier: str, *path: str) -> None:
    if tier not in TIERS:
        where = loaded.document.mark((*path, tier), key=True)
        raise InputError("SOC-1213", "no such tier: {tier}", where=where, hint=suggestion(tier, list(TIERS)), tier=tier)


def _tier(loaded: LoadedStack, name: str, kind: TierKind, cidr: str, wanted: TierSize) -> Tier:
    stack, cloud = loaded.stack, loaded.cloud
    own = stack.overrides.get(name)
    if own:
        nodes = wanted.nodes if own.nodes is None else own.nodes
        wanted = replace(wanted, nodes=nodes, volume=own.volume or wanted.volume)
    network = _network(loaded, name, kind, cidr)
    _enough_room(loaded, name, wanted.nodes, network)
    _enough_addresses(loaded, name, kind, wanted.nodes)
    nodes_ = tuple(_nodes(loaded, name, kind, network, wanted))
    flavour = own.flavour if own and own.flavour else _flavour(loaded, cloud, name, wanted) if nodes_ else ""
    return Tier(
        name=name,
        title=kind.title,
        nodes=nodes_,
        network=network,
        flavour=flavour,
        memory=int(cloud.flavours[flavour].memory * 1024) if flavour else 0,
        image=loaded.release.operating_system,
        public=bool(kind.public),
        level=kind.level,
        carries_calls=kind.carries_calls,
        because=own.reason if own else wanted.because,
        fronted=kind.public == "front",
        promotion=promotion([node.zone for node in nodes_]) if kind.quorum else None,
    )


def _network(loaded: LoadedStack, tier: str, kind: TierKind, cidr: str) -> Network:
    existing = loaded.stack.existing.networks.get(tier)
    if existing:
        if kind.dual and loaded.stack.network.ipv6:
            raise InputError(
                "SOC-1231",
                "the existing network of {tier} is given no IPv6 subnet; {block} would lead nowhere",
                where=loaded.document.mark(("network", "ipv6")),
                hint=_("leave out network.ipv6, or the existing network"),
                tier=tier,
                block=loaded.stack.network.ipv6,
            )
        block = existing.cidr
        return Network(existing.network, tier, str(block), str(block[1]), kind.inner, existing.subnet)
    made = Network(f"{loaded.name}-{tier}", tier, cidr, str(IPv4Network(cidr)[1]), kind.inner)
    if kind.dual and loaded.stack.network.ipv6:
        public = next(loaded.stack.network.ipv6.subnets(new_prefix=64))
        made = replace(made, cidr6=str(public), gateway6=str(public[1]))
    return made


def _enough_room(loaded: LoadedStack, tier: str, count: int, network: Network) -> None:
    room = IPv4Network(network.cidr).num_addresses - FIRST_HOST - 1
    if count > room and network.existing:
        raise InputError(
            "SOC-1204",
            "the existing network {block} is too small for the {tier} nodes: {count} > {room}",
            where=loaded.document.mark(("existing", "networks", tier, "cidr")),
            hint=_("nodes have the addresses from the tenth on; what is before is the network's own"),
            block=network.cidr,
            tier=tier,
            count=count,
            room=max(room, 0),
        )
    if count > room:
        raise InputError(
            "SOC-1204",
            "{seats} seats ask for more {tier} nodes than a network holds: {count} > {room}",
            where=loaded.document.mark(("people", "seats")),
            hint=_("split the organisation into several stacks"),
            seats=loaded.stack.people.seats,
            tier=tier,
            count=count,
            room=max(room, 0),
        )


def _enough_addresses(loaded: LoadedStack, tier: str, kind: TierKind, nodes: int) -> None:
    """Raises InputError where the public addresses that the cloud team gave are fewer than who needs one: half of them
    given and half made is what nobody asked for."""
    given = loaded.stack.existing.addresses.get(tier)
    needed = {"each": nodes, "front": min(nodes, 1)}.get(kind.public, 0)
    if given is None or (needed and len(given) >= needed):
        return
    hint = _("one for each node") if kind.public == "each" else _("one, of what stands before all nodes")
    raise InputError(
        "SOC-4224",
        "{tier} has public addresses: {needed}; given: {given}",
        where=loaded.document.mark(("existing", "addresses", tier), key=True),
        hint=hint if needed else _("users do not reach these nodes, or there are none; leave the line out"),
        tier=tier,
        needed=needed,
        given=len(given),
    )


def _nodes(loaded: LoadedStack, tier: str, kind: TierKind, network: Network, size: TierSize) -> Iterator[Node]:
    stack, block = loaded.stack, IPv4Network(network.cidr)
    zones = placed(loaded.cloud.zones, stack.availability.zones, kind.quorum)
    volume_kind, encryption = volume_type(loaded)
    addresses = stack.existing.addresses.get(tier, [])
    for index in range(size.nodes):
        zone, number = zones[index % len(zones)], index + 1
        name = f"{loaded.name}-{tier}-{zone}-{number}"
        volume = Volume(f"{name}-data", size.volume, kind.mount, volume_kind, encryption) if size.volume else None
        public = str(addresses[index]) if index < len(addresses) else ""
        own6 = str(IPv6Network(network.cidr6)[FIRST_HOST + index]) if network.cidr6 else ""
        yield Node(name, tier, zone, number, str(block[FIRST_HOST + index]), volume, public, own6)


def volume_type(loaded: LoadedStack) -> tuple[str, Literal["cloud", "node", "none"]]:
    """The type of a stack's volumes, and who encrypts them: the cloud where it can, else the node, for sensitive data;
    nobody has to for other data."""
    needed, types = loaded.stack.data.sensitive, loaded.cloud.volume_types
    encrypted = next((name for name, kind in types.items() if kind.encrypted), None)
    if needed and encrypted:
        return encrypted, "cloud"
    first = next((name for name, kind in types.items() if not kind.encrypted), None)
    if first is None:
        return next(iter(types)), "cloud"
    return first, "node" if needed else "none"


def _front(loaded: LoadedStack, tier: Tier) -> Front:
    way: Literal["load-balancer", "virtual-address"] = (
        "load-balancer" if loaded.cloud.offers("load-balancer") else "virtual-address"
    )
    addresses = loaded.stack.existing.addresses.get(tier.name, [])
    address = str(IPv4Network(tier.network.cidr)[FRONT_HOST])
    return Front(f"{loaded.name}-{tier.name}-front", tier.name, way, address, str(addresses[0]) if addresses else "")


def _flows(loaded: LoadedStack, tiers: Sequence[Tier], fronts: Sequence[Front]) -> Flows:
    """The matrix between the tiers that are there. Servers around the stack answer on ports of their own."""
    cloud, around = loaded.cloud, loaded.cloud.surroundings
    ways: list[Way] = [front.way for front in fronts]
    ways.append("object-store" if cloud.offers("object-store") else "own-objects")
    there = {tier.name for tier in tiers}
    if "recording" in there:
        ways.append("downloads" if cloud.offers("object-store") else "own-downloads")
    ways += [SEVERAL[tier.name] for tier in tiers if tier.name in SEVERAL and len(tier.nodes) > 1]
    if "application" in there:
        ways.append("visio")
    if "monitoring" in there:
        ways.append("watched")
    if around.mail and there & {"application", "monitoring"}:
        ways.append("mail")
    if "logs" in there and loaded.stack.monitoring.logs_to:
        ways.append("collector")
    ports = {
        Place.OBJECTS: around.objects,
        Place.IDENTITY: around.identity,
        Place.MAIL: around.mail,
        Place.COLLECTOR: around.logs,
    }
    asked = identity.provider(loaded.stack)

    def ported(one: Flow) -> Flow:
        server = ports.get(one.target) if isinstance(one.target, Place) else None
        if one.name == "objects-inside":  # nodes inside use the very addresses that others do
            server = around.objects
        at = asked.port if asked and one.name == "local-identity" else server.port if server else None
        return replace(one, first=at, last=at) if at else one

    return Flows(tuple(ported(one) for one in written_out([tier.name for tier in tiers], ways)))


def _containers(loaded: LoadedStack, tiers: set[str]) -> tuple[Container, ...]:
    """What the stack keeps in the cloud's object store. Versions, where a thing overwritten by mistake must come back;
    none, where what is to be deleted must be gone."""
    if not loaded.cloud.offers("object-store"):
        return ()
    retention, backup = loaded.stack.retention, loaded.stack.backup
    kinds = (
        ("recordings", "recording", retention.recordings, False),
        ("transcripts", "transcription", retention.transcripts, False),
        ("files", "application", retention.recordings, True),
        ("backups", "database", backup.keep_days, True),
    )
    return tuple(
        Container(bucket(loaded.name, holds), holds, days, versions)
        for holds, tier, days, versions in kinds
        if tier in tiers
    )


def _one_domain(loaded: LoadedStack, sizing: Sizing) -> None:
    if sizing.cells > 1:
        raise InputError(
            "SOC-1221",
            "{seats} seats ask for more media nodes than one LiveKit domain is planned with; domains: {cells}",
            where=loaded.document.mark(("people", "seats")),
            hint=_("split the organisation into several stacks"),
            seats=loaded.stack.people.seats,
            cells=sizing.cells,
        )


def _flavour(loaded: LoadedStack, cloud: Cloud, tier: str, need: TierSize) -> str:
    """The smallest flavour of the cloud that has what a node needs."""
    enough = [
        (one.gpus, one.vcpus, one.memory, name)
        for name, one in cloud.flavours.items()
        if one.vcpus >= need.vcpus and one.memory >= need.memory and one.port >= need.port and one.gpus >= need.gpus
    ]
    if not enough:
        wanted = [_("its network port has at least: {port} Mbit/s").format(port=need.port)] if need.port else []
        wanted += [_("GPUs: {count}").format(count=need.gpus)] if need.gpus else []
        raise InputError(
            "SOC-1210",
            "{cloud} has no flavour for a {tier} node: {vcpus} vCPU, {memory} GiB",
            where=loaded.document.mark(("cloud",)),
            hint="; ".join(wanted),
            cloud=loaded.stack.cloud,
            tier=tier,
            vcpus=need.vcpus,
            memory=f"{need.memory:g}",
        )
    return min(enough)[-1]


def _places(loaded: LoadedStack, tiers: Sequence[Tier]) -> dict[str, tuple[str, ...]]:
    around, stack = loaded.cloud.surroundings, loaded.stack
    return {
        Place.INTERNET: ("0.0.0.0/0",),
        Place.ADMINISTRATION: tuple(str(source) for source in stack.access.sources),
        Place.TRUNK: tuple(str(source) for source in stack.telephony.trunk) if stack.telephony else (),
        Place.BALANCER: tuple(tier.network.cidr for tier in tiers if tier.fronted),
        Place.NAMES: (f"{around.names.address}/32",),
        Place.TIME: (f"{around.time.address}/32",),
        Place.MIRROR: (f"{around.mirror.address}/32",),
        Place.REGISTRY: (f"{around.registry.address}/32",),
        Place.OBJECTS: (f"{around.objects.address}/32",) if around.objects else (),
        Place.IDENTITY: (f"{around.identity.address}/32",) if around.identity else (),
        Place.MAIL: (f"{around.mail.address}/32",) if around.mail else (),
        Place.COLLECTOR: (f"{around.logs.address}/32",) if around.logs else (),
        # a first request is a broadcast, a renewal goes to the subnet's server
        Place.DHCP: (
            "255.255.255.255/32",
            str(stack.network.cidr),
            *sorted(str(one.cidr) for one in stack.existing.networks.values()),
        ),
        Place.LOOPBACK: ("127.0.0.0/8",),
    }
