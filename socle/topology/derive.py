"""From a validated stack to its topology. No I/O, no clock, no randomness."""

from __future__ import annotations

from dataclasses import replace

from socle.errors import InputError
from socle.messages import _
from socle.stack.cloud import Cloud
from socle.stack.explain import suggestion
from socle.stack.load import LoadedStack
from socle.stack.model import Environment, Stack
from socle.topology.flows import Place, written_out
from socle.topology.model import Network, Node, Record, Secret, Tier, Topology, Volume
from socle.topology.sizing import Demand, Sizing, TierSize
from socle.topology.sizing import figures as f
from socle.topology.sizing import size as sized
from socle.topology.tiers import TIERS, TierKind

FIRST_HOST = 10  # .1 is the router, .2 to .9 are left to the network's own services
DEPLOYED_FEATURES: frozenset[str] = frozenset()


def derive(loaded: LoadedStack) -> Topology:
    stack = loaded.stack
    _refuse_unknown(loaded)
    sizing = sized(demand_of(stack, loaded.cloud))
    tiers = tuple(_tier(loaded, name, kind, sizing) for name, kind in TIERS.items())
    _one_domain(loaded, sizing)
    asked = {name for name, wanted in stack.features.model_dump().items() if wanted}
    return Topology(
        stack=loaded.name,
        domain=stack.domain,
        cidr=str(stack.network.cidr),
        tiers=tiers,
        flows=written_out(),
        records=(
            Record(stack.domain, "edge"),
            Record(f"livekit.{stack.domain}", "edge"),
            Record(f"turn.{stack.domain}", "turn"),
        ),
        secrets=_secrets(stack.domain, tiers),
        places=_places(loaded),
        not_deployed=tuple(sorted(asked - DEPLOYED_FEATURES)),
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
    )


def _refuse_unknown(loaded: LoadedStack) -> None:
    """Raises InputError for an override of a tier that is not deployed, or with a flavour that the cloud lacks."""
    for tier, own in loaded.stack.overrides.items():
        if tier not in TIERS:
            raise InputError(
                "SOC-1213",
                "no such tier: {tier}",
                where=loaded.document.mark(("overrides", tier), key=True),
                hint=suggestion(tier, list(TIERS)),
                tier=tier,
            )
        if own.flavour and own.flavour not in loaded.cloud.flavours:
            raise InputError(
                "SOC-1214",
                "{cloud} has no flavour: {name}",
                where=loaded.document.mark(("overrides", tier, "flavour")),
                hint=suggestion(own.flavour, list(loaded.cloud.flavours)),
                cloud=loaded.stack.cloud,
                name=own.flavour,
            )


def _tier(loaded: LoadedStack, name: str, kind: TierKind, sizing: Sizing) -> Tier:
    stack, cloud = loaded.stack, loaded.cloud
    wanted, own = sizing.tiers[kind.sized_as or name], stack.overrides.get(name)
    if own:
        wanted = replace(wanted, nodes=own.nodes or wanted.nodes, volume=own.volume or wanted.volume)
    block = list(stack.network.cidr.subnets(new_prefix=24))[kind.subnet]
    network = Network(f"{loaded.name}-{name}", name, str(block), str(block[1]))
    zones = cloud.zones[: stack.availability.zones]
    count = min(wanted.nodes, kind.most or wanted.nodes)
    room = block.num_addresses - FIRST_HOST - 1
    if count > room:
        raise InputError(
            "SOC-1204",
            "{seats} seats ask for more {tier} nodes than a network holds: {count} > {room}",
            where=loaded.document.mark(("people", "seats")),
            hint=_("split the organisation into several stacks"),
            seats=stack.people.seats,
            tier=name,
            count=count,
            room=room,
        )
    nodes = tuple(
        _node(loaded.name, name, zones[i % len(zones)], i + 1, str(block[FIRST_HOST + i]), wanted.volume, kind.mount)
        for i in range(count)
    )
    return Tier(
        name=name,
        title=kind.title,
        nodes=nodes,
        network=network,
        flavour=own.flavour if own and own.flavour else _flavour(loaded, cloud, name, wanted),
        image=loaded.release.operating_system,
        public=kind.public,
        level=kind.level,
        carries_calls=kind.carries_calls,
        because=own.reason if own else wanted.because,
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


def _node(stack: str, tier: str, zone: str, number: int, address: str, size: int, mount: str) -> Node:
    name = f"{stack}-{tier}-{zone}-{number}"
    return Node(name, tier, zone, number, address, Volume(f"{name}-data", size, mount) if size else None)


def _flavour(loaded: LoadedStack, cloud: Cloud, tier: str, need: TierSize) -> str:
    """The smallest flavour of the cloud that has what a node needs."""
    enough = [
        (one.vcpus, one.memory, name)
        for name, one in cloud.flavours.items()
        if one.vcpus >= need.vcpus and one.memory >= need.memory and one.port >= need.port
    ]
    if not enough:
        raise InputError(
            "SOC-1210",
            "{cloud} has no flavour for a {tier} node: {vcpus} vCPU, {memory} GiB",
            where=loaded.document.mark(("cloud",)),
            hint=_("its network port has at least: {port} Mbit/s").format(port=need.port) if need.port else "",
            cloud=loaded.stack.cloud,
            tier=tier,
            vcpus=need.vcpus,
            memory=f"{need.memory:g}",
        )
    return min(enough)[2]


def _secrets(domain: str, tiers: tuple[Tier, ...]) -> tuple[Secret, ...]:
    bus = tuple(node.address for tier in tiers if tier.name == "data" for node in tier.nodes)
    return (
        Secret("ssh_key", "ssh-key", ()),
        Secret("livekit_api_key", "token", ("media",)),
        Secret("livekit_api_secret", "token", ("media",)),
        Secret("turn_secret", "token", ("media", "turn")),
        Secret("valkey_password", "token", ("media", "data")),
        Secret("edge_certificate", "certificate", ("edge",), (domain, f"livekit.{domain}")),
        Secret("turn_certificate", "certificate", ("turn",), (f"turn.{domain}",)),
        Secret("valkey_certificate", "certificate", ("data",), (f"valkey.{domain}", *bus)),
    )


def _places(loaded: LoadedStack) -> dict[str, tuple[str, ...]]:
    around = loaded.cloud.surroundings
    return {
        Place.INTERNET: ("0.0.0.0/0",),
        Place.ADMINISTRATION: tuple(str(source) for source in loaded.stack.access.sources),
        Place.NAMES: (f"{around.names.address}/32",),
        Place.TIME: (f"{around.time.address}/32",),
        Place.MIRROR: (f"{around.mirror.address}/32",),
        Place.REGISTRY: (f"{around.registry.address}/32",),
        # a first request is a broadcast, a renewal goes to the subnet's server
        Place.DHCP: ("255.255.255.255/32", str(loaded.stack.network.cidr)),
        Place.LOOPBACK: ("127.0.0.0/8",),
    }
