"""From a validated stack to its topology. No I/O, no clock, no randomness."""

from __future__ import annotations

from ipaddress import IPv4Network

from socle.errors import InputError
from socle.messages import _
from socle.stack.cloud import Cloud
from socle.stack.load import LoadedStack
from socle.topology.flows import Place, written_out
from socle.topology.model import Network, Node, Record, Secret, Tier, Topology, Volume
from socle.topology.tiers import TIERS, Need, TierKind

FIRST_HOST = 10  # .1 is the router, .2 to .9 are left to the network's own services
DEPLOYED_FEATURES: frozenset[str] = frozenset()
ZONES = {"single": 1, "two-zones": 2, "three-zones": 3}


def derive(loaded: LoadedStack) -> Topology:
    stack = loaded.stack
    tiers = tuple(_tier(loaded, name, kind) for name, kind in TIERS.items())
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


def _tier(loaded: LoadedStack, name: str, kind: TierKind) -> Tier:
    stack, cloud = loaded.stack, loaded.cloud
    block = list(stack.network.cidr.subnets(new_prefix=24))[kind.subnet]
    network = Network(f"{loaded.name}-{name}", name, str(block), str(block[1]))
    zones = cloud.zones[: ZONES[stack.availability]]
    count = kind.count(stack)
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
    nodes = tuple(_node(loaded, name, kind, block, zones, number) for number in range(1, count + 1))
    return Tier(
        name=name,
        title=kind.title,
        nodes=nodes,
        network=network,
        flavour=_flavour(loaded, cloud, name, kind.need(stack)),
        image=loaded.release.operating_system,
        public=kind.public,
        level=kind.level,
        carries_calls=kind.carries_calls,
    )


def _node(loaded: LoadedStack, tier: str, kind: TierKind, block: IPv4Network, zones: list[str], number: int) -> Node:
    zone = zones[(number - 1) % len(zones)]
    name = f"{loaded.name}-{tier}-{zone}-{number}"
    size = kind.volume(loaded.stack)
    volume = Volume(f"{name}-data", size, kind.mount) if size else None
    return Node(name, tier, zone, number, str(block[FIRST_HOST + number - 1]), volume)


def _flavour(loaded: LoadedStack, cloud: Cloud, tier: str, need: Need) -> str:
    """The smallest flavour of the cloud that has what a node needs."""
    enough = [
        (f.vcpus, f.memory, n) for n, f in cloud.flavours.items() if f.vcpus >= need.vcpus and f.memory >= need.memory
    ]
    if not enough:
        raise InputError(
            "SOC-1210",
            "{cloud} has no flavour for a {tier} node: {vcpus} vCPU, {memory} GiB",
            where=loaded.document.mark(("cloud",)),
            cloud=loaded.stack.cloud,
            tier=tier,
            vcpus=need.vcpus,
            memory=need.memory,
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
