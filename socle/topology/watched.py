"""What the monitoring nodes measure: which exporters run on which tiers, and the figures that alerts compare with."""

from __future__ import annotations

from typing import Any

from socle.stack.load import LoadedStack
from socle.topology.model import Topology
from socle.topology.sizing import figures as f

MONITORING = "monitoring"
# Exporter -> the tiers that have what it measures; `node` is everywhere. LiveKit has its own metrics, and its own flow.
EXPORTERS: dict[str, tuple[str, ...]] = {
    "livekit": ("media",),
    "nginx": ("edge",),
    "turn": ("turn",),
    "valkey": ("bus", "cache"),
    "postgresql": ("database",),
    "patroni": ("database",),
}
RELAY_QUOTA = 1200  # of one coturn, as the role `turn` sets it


def watched(loaded: LoadedStack, topology: Topology) -> dict[str, Any] | None:
    """What roles and templates are told; None where the stack has no monitoring nodes."""
    if not topology.has(MONITORING):
        return None
    exporters = {name: [tier for tier in tiers if topology.has(tier)] for name, tiers in EXPORTERS.items()}
    return {
        "exporters": {
            "node": [tier.name for tier in topology.tiers],
            **{name: tiers for name, tiers in exporters.items() if tiers},
        },
        "limits": _limits(loaded, topology),
        "every": int(f.SCRAPE.value),
        "days": int(f.METRIC_DAYS.value),
        "alerts_to": list(loaded.stack.monitoring.alerts_to),
    }


def _limits(loaded: LoadedStack, topology: Topology) -> dict[str, float]:
    """Of one node: what the sizing model plans with, and what each figure's source measured."""
    flavours = loaded.cloud.flavours
    media, turn = flavours[topology.tier("media").flavour], flavours[topology.tier("turn").flavour]
    return {
        "media_port": media.port,
        "port_fill": f.PORT_FILL.value,
        "participants": int(f.MEASURED.value * media.vcpus / f.CORES.value),
        "tracks": int(min(f.TRACKS.value * media.vcpus, f.TRACKS_MOST.value)),
        "relay_packets": int(f.RELAY_PACKETS.value * turn.vcpus / RELAY_CORES),
        "relays": RELAY_QUOTA,
    }


RELAY_CORES = 4  # of the machine that coturn was measured on
