"""What the cloud program says about the nodes it made, and about what stands before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from socle.errors import NodeError
from socle.topology import Topology


@dataclass(frozen=True)
class NodeOutput:
    """One instance; `floating_address` and `volume_id` where it has one."""

    address: str
    instance_id: str
    floating_address: str | None = None
    volume_id: str | None = None


class Outputs(dict[str, NodeOutput]):
    """By node. `fronts`: the public address of each front, by its name."""

    def __init__(self, nodes: Mapping[str, NodeOutput], fronts: Mapping[str, str]) -> None:
        super().__init__(nodes)
        self.fronts = dict(fronts)


def read(outputs: Mapping[str, Any], topology: Topology) -> Outputs:
    """Raises NodeError when a node of the topology, or a front, is not among the program's outputs."""
    nodes, fronts = outputs.get("nodes", outputs), outputs.get("fronts") or {}
    missing = sorted(node.name for node in topology.nodes if node.name not in nodes)
    missing += [front.name for front in topology.fronts if front.name not in fronts]
    if missing:
        raise NodeError("SOC-5001", "the cloud program says nothing of: {nodes}", nodes=", ".join(missing))
    made = {
        node.name: NodeOutput(
            address=nodes[node.name]["address"],
            instance_id=nodes[node.name]["instance_id"],
            floating_address=nodes[node.name].get("floating_address"),
            volume_id=nodes[node.name].get("volume_id"),
        )
        for node in topology.nodes
    }
    return Outputs(made, {front.name: fronts[front.name]["floating_address"] for front in topology.fronts})


def placeholders(topology: Topology) -> Outputs:
    """Stand-ins where there is no cloud yet: documentation addresses, made-up identifiers."""
    made = {
        node.name: NodeOutput(
            address=node.address,
            instance_id=f"00000000-0000-4000-8000-{index:012d}",
            floating_address=f"192.0.2.{index % 254 + 1}" if topology.public_each(node.tier) else None,
            volume_id=f"00000000-0000-4000-9000-{index:012d}" if node.volume else None,
        )
        for index, node in enumerate(topology.nodes)
    }
    return Outputs(made, {front.name: f"198.51.100.{index + 1}" for index, front in enumerate(topology.fronts)})


def public_addresses(topology: Topology, tier: str, outputs: Outputs) -> list[str]:
    """Where users reach a tier, sorted: its front, or its nodes."""
    fronts = [outputs.fronts[front.name] for front in topology.fronts if front.tier == tier]
    nodes = [outputs[node.name].floating_address for node in topology.tier(tier).nodes]
    return sorted(address for address in fronts or nodes if address)
