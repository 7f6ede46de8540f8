"""What a stack becomes: tiers, nodes, networks, flows, volumes, names, secrets. Pure."""

from socle.topology.derive import derive
from socle.topology.model import Topology

__all__ = ["Topology", "derive"]
