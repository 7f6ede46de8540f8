"""A real call as a probe: two participants, audio and video both ways, along one path that is then proven.

Two clients make it, a browser and the native one; both take a `CallPlan` and give back what they counted.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from socle.probe.model import CallResult, Pair, Path_, Received, Spot, Target
from socle.probe.stun import credentials

MEDIA_SECONDS = 6.0
PATIENCE = 12.0  # for connecting, and again for the first track
# Half of what 6 s hold at worst on a busy two-core lab: 50 audio packets and 20 pictures a second are sent.
LEAST_AUDIO_PER_SECOND, LEAST_VIDEO_PER_SECOND = 10.0, 2.0
RELAYED: dict[Path_, str] = {"turn-udp": "udp", "turn-tls": "tls"}


@dataclass(frozen=True)
class Door:
    """A name, the address that is to be used for it, and a port."""

    name: str
    address: str
    port: int


@dataclass(frozen=True)
class CallPlan:
    path: Path_
    signalling: Door
    tokens: tuple[str, str]
    media: tuple[str, ...]  # the media nodes' public addresses
    ca: Path | None = None
    relay: Door | None = None
    user: str = ""
    password: str = ""
    seconds: float = MEDIA_SECONDS
    patience: float = PATIENCE

    @property
    def relay_url(self) -> str:
        """The one relay that the client is given; empty for a direct call."""
        if self.relay is None:
            return ""
        if self.path == "turn-tls":
            return f"turns:{self.relay.name}:{self.relay.port}?transport=tcp"
        # by its address: Chromium asks the machine's own resolver for names of UDP relays, whatever it is told to map
        return f"turn:{self.relay.address}:{self.relay.port}?transport=udp"

    @property
    def deadline(self) -> float:
        """Seconds after which the client is stopped, whatever it does."""
        return self.seconds + 3 * self.patience + 10


class Client(Protocol):
    """Makes a call. Never raises for a call that fails: the result says why."""

    @property
    def name(self) -> str: ...

    def call(self, plan: CallPlan) -> CallResult: ...


def token(key: str, secret: str, who: str, room: str) -> str:
    from livekit import api

    grants = api.VideoGrants(room_join=True, room=room, can_publish=True, can_subscribe=True)
    return str(api.AccessToken(key, secret).with_identity(who).with_grants(grants).to_jwt())


def own_room() -> str:
    """Nobody else's. LiveKit tells Visio of every room; those that begin so it leaves alone (its own setting
    CONNECTION_TEST_ROOM_PREFIX), where any other that it has not made is an error."""
    return f"connection-test-{secrets.token_hex(6)}"


def plan(target: Target, path: Path_, edge: Spot, relay: Spot | None, *, seconds: float = MEDIA_SECONDS) -> CallPlan:
    """A call of its own room. Needs public addresses of the edge and, when relayed, of the relay."""
    topology = target.topology
    room = own_room()
    tokens = [token(target.api_key, target.api_secret, who, room) for who in ("probe-a", "probe-b")]
    signalling = Door(topology.record("signalling").fqdn, edge.public or "", topology.flows.get("https").port)
    base = CallPlan(
        path,
        signalling,
        (tokens[0], tokens[1]),
        tuple(spot.public for spot in target.of("media") if spot.public),
        target.ca,
        seconds=seconds,
    )
    if relay is None:
        return base
    user, password = credentials(target.turn_secret)
    port = topology.flows.get(path).port
    door = Door(topology.record("turn").fqdn, relay.public or "", port)
    return replace(base, relay=door, user=user, password=password)


def result(plan: CallPlan, client: str, raw: dict[str, Any], seconds: float) -> CallResult:
    """What the client counted, judged: media both ways, and every transport on the path that was asked."""
    received = tuple(Received(int(one["audio"]), int(one["video"])) for one in raw.get("received", ()))
    pairs = tuple(Pair(p["local"], p["protocol"], p["remote"], p.get("url", "")) for p in raw.get("pairs", ()))
    failure = raw.get("failure") or _media(plan, received) or _path(plan, pairs)
    return CallResult(
        plan.path,
        client,
        received,
        pairs,
        connect_seconds=round(float(raw.get("connect", 0.0)), 2),
        seconds=round(seconds, 1),
        failure=failure,
    )


def _media(plan: CallPlan, received: tuple[Received, ...]) -> str:
    if len(received) != 2:
        return "two participants were to report"
    for who, got in zip("ab", received, strict=True):
        if got.audio < LEAST_AUDIO_PER_SECOND * plan.seconds:
            return f"participant {who} received too little audio: {got.audio} packets"
        if got.video < LEAST_VIDEO_PER_SECOND * plan.seconds:
            return f"participant {who} received too little video: {got.video} frames"
    return ""


def _path(plan: CallPlan, pairs: tuple[Pair, ...]) -> str:
    """Not what was asked for, what was used."""
    if not pairs:
        return "the client names no selected candidate pair"
    for pair in pairs:
        if plan.path == "direct":
            if pair.local == "relay" or pair.protocol != "udp":
                return f"not direct over UDP: {pair.local} over {pair.protocol}"
            if pair.remote and pair.remote not in plan.media:
                return f"media came from no media node: {pair.remote}"
        elif pair.local != "relay" or pair.protocol != RELAYED[plan.path]:
            return f"not relayed over {RELAYED[plan.path]}: {pair.local} over {pair.protocol}"
        elif pair.url and pair.url != plan.relay_url:
            return f"relayed by another relay: {pair.url}"
    return ""
