"""Which services of a cloud a stack uses. Pure."""

from __future__ import annotations

from socle.stack.cloud import OfferedService
from socle.stack.load import LoadedStack
from socle.topology.model import Topology

ALWAYS: frozenset[OfferedService] = frozenset({"image", "network", "compute"})


def needed(loaded: LoadedStack, topology: Topology) -> frozenset[OfferedService]:
    """Types of services, as the catalogue names them: what the cloud program calls, and what the cloud itself calls
    for it (the key manager, for volumes that it encrypts)."""
    volumes = [node.volume for tier in topology.tiers for node in tier.nodes if node.volume]
    wanted: dict[OfferedService, bool] = {
        "block-storage": bool(volumes),
        "load-balancer": any(front.way == "load-balancer" for front in topology.fronts),
        "dns": loaded.cloud.dns.update == "designate",
        "object-store": bool(topology.containers),
        "key-manager": any(volume.encryption == "cloud" for volume in volumes),
    }
    return ALWAYS | {service for service, used in wanted.items() if used}
