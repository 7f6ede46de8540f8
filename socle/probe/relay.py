"""Where a relay lets its users send: to the media nodes, and to nothing that only the inside should reach."""

from __future__ import annotations

from dataclasses import asdict

from socle.probe import stun
from socle.probe.model import Check, Spot, Target

METADATA = "169.254.169.254"  # the cloud's own service, which would tell an instance's secrets


def checks(target: Target) -> list[Check]:
    return [_peers(target, spot) for spot in target.of("turn") if spot.public]


def _peers(target: Target, spot: Spot) -> Check:
    """Asks for permissions, sends nothing. Refusals count only beside a permission that is granted."""
    inner = ["127.0.0.1", METADATA, spot.fixed]
    inner += [other.fixed for other in target.spots if other.tier not in ("media", "turn")]
    control = next((other.public for other in target.of("media") if other.public), None)
    port = target.topology.flows.get("turn-udp").port
    wanted = [*inner, *([control] if control else [])]
    answer = stun.allocate_udp(spot.public or "", port, target.turn_secret, wanted)
    expected, facts = "refused: this host, metadata, every tier but media", asdict(answer)
    if answer.failure:
        return Check("relay", "peers", "unknown", answer.failure, spot.name, expected, facts)
    if reached := [peer for peer in inner if answer.peers.get(peer) == "granted"]:
        return Check("relay", "peers", "fail", f"sends to: {', '.join(reached)}", spot.name, expected, facts)
    if control is None or answer.peers.get(control) != "granted":
        text = "refuses the media nodes too, so its refusals show nothing"
        return Check("relay", "peers", "unknown", text, spot.name, expected, facts)
    text = f"sends to {control}, refuses inner addresses: {len(inner)}"
    return Check("relay", "peers", "pass", text, spot.name, expected, facts)
