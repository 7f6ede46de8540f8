"""What the roles and their templates are told about a node. Pure; ports and addresses come from the topology alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from socle.nodes.outputs import Outputs, public_addresses
from socle.stack.load import LoadedStack
from socle.stack.model import Maintenance, Window
from socle.stack.release import ContainerImage, images_of
from socle.topology import Topology
from socle.topology import identity as users
from socle.topology.flows import Flow, PublicOf
from socle.topology.model import Node
from socle.topology.openings import Opening, openings
from socle.topology.secrets import TURN_LIFETIME
from socle.topology.tiers import role_of
from socle.topology.watched import watched

Variables = dict[str, Any]
LONGEST_RECORDING = 4 * 3600  # seconds; one that nobody ends must not fill a recorder
INSIDE = {"telephony": "sip", "transcription": "transcription"}  # names in certificates, of tiers that no user calls


def common(loaded: LoadedStack, topology: Topology, outputs: Outputs, public_key: str, trust: str) -> Variables:
    """The same for every node. `trust`: the certificate authority of the cloud and its services in PEM, or ''."""
    stack = loaded.stack
    system = loaded.release.operating_system
    provider = users.provider(stack) if topology.has("application") else None
    return {
        "stack": {
            "name": loaded.name,
            "organisation": stack.organisation,
            "environment": str(stack.environment.value),
            "lab": stack.environment.value == "lab",
            "largest_room": stack.people.largest_room,
            "features": stack.features.model_dump(),
            "longest_recording": LONGEST_RECORDING,
            "phone": stack.telephony.model_dump(mode="json") if stack.telephony else None,
            "retention": stack.retention.model_dump(),
            "backup": stack.backup.model_dump(),
            "maintenance": maintenance(stack.maintenance),
            "public_issuer": stack.certificates.issuer == "acme",  # of what browsers see; else `trust` is
        },
        "names": {
            **{name: topology.record(name).fqdn for name in ("visio", "signalling", "turn")},
            **{tier: f"{prefix}.{topology.domain}" for tier, prefix in INSIDE.items()},
        },
        "flows": {flow.name: _flow(flow) for flow in topology.flows},
        "peers": {
            tier.name: [
                {
                    "name": node.name,
                    "address": outputs[node.name].address,
                    "floating_address": outputs[node.name].floating_address,
                }
                for node in tier.nodes
            ]
            for tier in topology.tiers
        },
        "fronts": {
            front.tier: {"name": front.name, "way": front.way, "address": front.address} for front in topology.fronts
        },
        "surroundings": {
            kind: {"address": str(server.address), "name": server.name}
            for kind, server in loaded.cloud.surroundings.servers.items()
        },
        "objects": asdict(topology.store) if topology.store else None,
        "identity": asdict(provider) if provider else None,
        "turn_lifetime": TURN_LIFETIME,
        "watched": watched(loaded, topology),
        "operator": {"name": loaded.cloud.images[system].user, "public_key": public_key},
        "images": {name: image.pinned or image.tagged for name, image in images(loaded, topology).items()},
        "trust": trust,
    }


def maintenance(said: Maintenance) -> Variables:
    """As systemd's timers read it. `spread`: minutes from a window's start within which nodes begin, by chance: half
    of the shortest window."""
    return {
        "timezone": said.timezone,
        "windows": [
            {"days": ",".join(day.capitalize() for day in window.days), "start": window.start, "end": window.end}
            for window in said.windows
        ],
        "spread": min(_minutes(window) for window in said.windows) // 2,
    }


def _minutes(window: Window) -> int:
    start, end = ((int(time[:2]) * 60 + int(time[3:])) for time in (window.start, window.end))
    return (end - start) % (24 * 60) or 24 * 60


def images(loaded: LoadedStack, topology: Topology) -> dict[str, ContainerImage]:
    """Of the release, those that the stack's nodes run."""
    return {name: loaded.release.images[name] for name in images_of(tier.name for tier in topology.tiers)}


def of_node(topology: Topology, node: Node, outputs: Outputs) -> Variables:
    output = outputs[node.name]
    return {
        "node": {
            "name": node.name,
            "tier": node.tier,
            "role": role_of(node.tier),
            "zone": node.zone,
            "level": topology.tier(node.tier).level,
            "images": images_of([node.tier]),
            "memory": topology.tier(node.tier).memory,
            "address": output.address,
            "address6": node.address6 or None,
            "floating_address": output.floating_address,
            "instance_id": output.instance_id,
            "volume_id": output.volume_id,
            "device": f"/dev/disk/by-id/virtio-{output.volume_id[:20]}" if output.volume_id else None,
            "mount": node.volume.mount if node.volume else None,
            "volume_size": node.volume.size if node.volume else None,
            "encrypts": bool(node.volume and node.volume.encryption == "node"),
        },
        "openings": resolved(topology, node.tier, outputs),
    }


def resolved(topology: Topology, tier: str, outputs: Outputs) -> dict[str, list[Variables]]:
    """The tier's openings with addresses: `{ingress: [...], egress: [...]}`; an empty `remote` is anywhere."""
    reasons = {flow.name: flow.why for flow in topology.flows}
    found: dict[str, list[Variables]] = {"ingress": [], "egress": []}
    for opening in openings(topology, tier):
        if opening.family == "IPv6":
            continue  # a node's firewall has one line for both: from anywhere
        remote = remote_addresses(topology, opening, outputs)
        if remote or opening.remote == "0.0.0.0/0":
            found[opening.direction].append(
                {
                    "flow": opening.flow,
                    "why": reasons[opening.flow],
                    "protocol": opening.protocol,
                    "ports": opening.ports,
                    "remote": remote,
                }
            )
    return found


def remote_addresses(topology: Topology, opening: Opening, outputs: Outputs) -> list[str]:
    """Sorted addresses or blocks of the other end; empty for anywhere."""
    if isinstance(opening.remote, PublicOf):
        return public_addresses(topology, opening.remote.tier, outputs)
    if opening.remote_is_tier:
        return sorted(outputs[node.name].address for node in topology.tier(opening.remote).nodes)
    return [] if opening.remote == "0.0.0.0/0" else [opening.remote.removesuffix("/32")]


def _flow(flow: Flow) -> Mapping[str, Any]:
    one = {"port": flow.first} if flow.first and flow.first == flow.last else {}
    return {"protocol": flow.protocol, "first": flow.first, "last": flow.last, "ports": flow.ports, **one}
