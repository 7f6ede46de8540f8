"""What the cloud program says about the nodes it made, and about what stands before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from socle.errors import NodeError
from socle.topology import Topology


@dataclass(frozen=True)
class NodeOutput:
    """One instance, or the front of a tier; `floating_address` and `volume_id` where it has one."""

    address: str
    instance_id: str
    floating_address: str | None = None
    volume_id: str | None = None


Outputs = Mapping[str, NodeOutput]


def read(outputs: Mapping[str, Any], topology: Topology) -> dict[str, NodeOutput]:
    """The program's outputs, by node and by front. Raises NodeError when a node of the topology is not among them."""
    nodes = outputs.get("nodes", outputs)
    missing = sorted(node.name for node in topology.nodes if node.name not in nodes)
    if missing:
        raise NodeError("SOC-5001", "the cloud program says nothing of: {nodes}", nodes=", ".join(missing))
    fronts = outputs.get("fronts") or {}
    before = {
        front.name: NodeOutput(front.address, "", fronts[front.name]["floating_address"])
        for front in topology.fronts
        if front.name in fronts
    }
    return before | {
        node.name: NodeOutput(
            address=nodes[node.name]["address"],
            instance_id=nodes[node.name]["instance_id"],
            floating_address=nodes[node.name].get("floating_address"),
            volume_id=nodes[node.name].get("volume_id"),
        )
        for node in topology.nodes
    }


def placeholders(topology: Topology) -> dict[str, NodeOutput]:
    """Stand-ins where there is no cloud yet: documentation addresses, made-up identifiers."""
    before = {front.name: NodeOutput(front.address, "", "192.0.2.255") for front in topology.fronts}
    return before | {
        node.name: NodeOutput(
            address=node.address,
            instance_id=f"00000000-0000-4000-8000-{index:012d}",
            floating_address=f"192.0.2.{index % 254 + 1}" if topology.public_each(node.tier) else None,
            volume_id=f"00000000-0000-4000-9000-{index:012d}" if node.volume else None,
        )
        for index, node in enumerate(topology.nodes)
    }


def public_addresses(topology: Topology, tier: str, outputs: Outputs) -> list[str]:
    """Where users reach a tier, sorted: its front, or its nodes."""
    fronts = [front.name for front in topology.fronts if front.tier == tier]
    owners = fronts or [node.name for node in topology.tier(tier).nodes]
    found = (outputs[owner].floating_address for owner in owners if owner in outputs)
    return sorted(address for address in found if address)
