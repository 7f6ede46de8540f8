"""What the cloud program says about the nodes it made."""

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


Outputs = Mapping[str, NodeOutput]


def read(outputs: Mapping[str, Any], topology: Topology) -> dict[str, NodeOutput]:
    """The program's outputs, by node. Raises NodeError when a node of the topology is not among them."""
    nodes = outputs.get("nodes", outputs)
    missing = sorted(node.name for node in topology.nodes if node.name not in nodes)
    if missing:
        raise NodeError("SOC-5001", "the cloud program says nothing of: {nodes}", nodes=", ".join(missing))
    return {
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
    return {
        node.name: NodeOutput(
            address=node.address,
            instance_id=f"00000000-0000-4000-8000-{index:012d}",
            floating_address=f"192.0.2.{index % 254 + 1}" if topology.tier(node.tier).public else None,
            volume_id=f"00000000-0000-4000-9000-{index:012d}" if node.volume else None,
        )
        for index, node in enumerate(topology.nodes)
    }
