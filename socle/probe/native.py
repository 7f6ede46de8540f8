"""The native client (PyPI `livekit`): for machines without a browser. Runs in a process of its own.

Its WebRTC library knows only built-in authorities and the machine's resolver, so TLS goes through `tunnel`, which
verifies name and authority; a relay over UDP is named by its address.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from socle.probe.call import CallPlan, Door, result
from socle.probe.model import CallResult
from socle.probe.tunnel import Tunnel, tunnel

KINDS = {"host": 0, "srflx": 1, "prflx": 2, "relay": 3}
WIDTH, HEIGHT, RATE = 320, 180, 20


class Native:
    name = "native"

    def call(self, plan: CallPlan) -> CallResult:
        started = time.monotonic()
        document = dataclasses.asdict(plan) | {"ca": str(plan.ca) if plan.ca else None}
        try:
            done = subprocess.run(  # the plan holds tokens: on standard input, never as an argument
                [sys.executable, "-m", "socle.probe.native"],
                input=json.dumps(document),
                capture_output=True,
                text=True,
                timeout=plan.deadline,
                check=False,
            )
            raw = json.loads(done.stdout.splitlines()[-1])
        except subprocess.TimeoutExpired:
            raw = {"failure": "the client did not end in time"}
        except (ValueError, IndexError):  # what it raised, never with what words: they may hold a token
            raised = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1].partition(":")[0]
            raw = {"failure": f"the client ended without a report: {raised}"}
        return result(plan, self.name, raw, time.monotonic() - started)


def _read(document: dict[str, Any]) -> CallPlan:
    relay = Door(**document["relay"]) if document["relay"] else None
    ca = Path(document["ca"]) if document["ca"] else None
    tokens = (document["tokens"][0], document["tokens"][1])
    rest = {"signalling": Door(**document["signalling"]), "relay": relay, "ca": ca, "tokens": tokens}
    return CallPlan(**{**document, **rest, "media": tuple(document["media"])})


async def call(plan: CallPlan) -> dict[str, Any]:
    """Both participants, in this process."""
    from livekit import rtc

    async with AsyncExitStack() as stack:
        edge = await stack.enter_async_context(tunnel(plan.signalling, plan.ca, http=True))
        relay: Tunnel | None = None
        urls: list[str] = []
        if plan.relay and plan.path == "turn-tls":
            relay = await stack.enter_async_context(tunnel(plan.relay, plan.ca))
            urls = [f"turn:127.0.0.1:{relay.port}?transport=tcp"]
        elif plan.relay:
            urls = [plan.relay_url]
        policy = rtc.IceTransportType.TRANSPORT_RELAY if urls else rtc.IceTransportType.TRANSPORT_ALL
        servers = [rtc.IceServer(urls=urls, username=plan.user, password=plan.password)] if urls else []
        config = rtc.RtcConfiguration(ice_transport_type=policy, ice_servers=servers)
        options = rtc.RoomOptions(auto_subscribe=True, rtc_config=config)
        rooms = [rtc.Room(), rtc.Room()]
        step = "connect"
        started = time.monotonic()
        counters = [_count(room) for room in rooms]
        senders: list[asyncio.Task[None]] = []
        try:
            for room, token in zip(rooms, plan.tokens, strict=True):
                await asyncio.wait_for(room.connect(f"ws://127.0.0.1:{edge.port}", token, options), plan.patience)
            step = "publish"
            for room in rooms:
                senders.append(await asyncio.wait_for(_publish(room), plan.patience))
            connect = time.monotonic() - started
            step = "receive"
            await asyncio.wait_for(_flowing(counters), plan.patience)
            before = [dict(counter) for counter in counters]
            await asyncio.sleep(plan.seconds)
            received = [{k: c[k] - b[k] for k in c} for c, b in zip(counters, before, strict=True)]
            pairs = [pair for room in rooms for pair in await _pairs(room, plan, relay)]
            return {"connect": connect, "received": received, "pairs": pairs}
        except TimeoutError:
            why = "; ".join(edge.failures + (relay.failures if relay else [])) or "no connection in time"
            return {"failure": f"{step}: {why}"}
        except refusals() as error:
            why = "; ".join(edge.failures) or str(error)
            return {"failure": f"{step}: {why}"}
        finally:
            for sender in senders:
                sender.cancel()
            for room in rooms:
                with_deadline = asyncio.wait_for(room.disconnect(), 5)
                await asyncio.gather(with_deadline, return_exceptions=True)


def refusals() -> tuple[type[Exception], ...]:
    """What the library raises where the service, or the way to it, says no."""
    from livekit import rtc

    return rtc.ConnectError, rtc.room.ConnectError, rtc.participant.PublishTrackError, OSError


def _count(room: Any) -> dict[str, int]:
    from livekit import rtc

    got = {"audio": 0, "video": 0}
    kept: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references

    @room.on("track_subscribed")  # type: ignore[untyped-decorator]
    def subscribed(track: Any, _publication: Any, _participant: Any) -> None:
        audio = track.kind == rtc.TrackKind.KIND_AUDIO

        async def pump() -> None:
            async for _frame in rtc.AudioStream(track) if audio else rtc.VideoStream(track):
                got["audio" if audio else "video"] += 1

        kept.add(asyncio.ensure_future(pump()))

    return got


async def _publish(room: Any) -> asyncio.Task[None]:
    from livekit import rtc

    sound, picture = rtc.AudioSource(48000, 1), rtc.VideoSource(WIDTH, HEIGHT)
    # said what they are, as a browser does: Visio's tokens allow these sources and no others
    tracks = {
        rtc.LocalAudioTrack.create_audio_track("sound", sound): rtc.TrackSource.SOURCE_MICROPHONE,
        rtc.LocalVideoTrack.create_video_track("picture", picture): rtc.TrackSource.SOURCE_CAMERA,
    }
    for track, source in tracks.items():
        await room.local_participant.publish_track(track, rtc.TrackPublishOptions(source=source))

    async def send() -> None:
        frame = bytearray(WIDTH * HEIGHT * 4)
        while True:
            await sound.capture_frame(rtc.AudioFrame.create(48000, 1, 48000 // RATE))
            picture.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGBA, frame))
            await asyncio.sleep(1 / RATE)

    return asyncio.ensure_future(send())


async def _flowing(counters: list[dict[str, int]]) -> None:
    while not all(value for counter in counters for value in counter.values()):
        await asyncio.sleep(0.05)


async def _pairs(room: Any, plan: CallPlan, relay: Tunnel | None) -> list[dict[str, str]]:
    """Selected pairs, from the transport's own statistics."""
    stats = await room.get_rtc_stats()
    found = []
    for side in (stats.publisher_stats, stats.subscriber_stats):
        by_id = {}
        for entry in side:
            part = getattr(entry, entry.WhichOneof("stats"))
            by_id[part.rtc.id] = part
        for part in by_id.values():
            pair = by_id.get(getattr(getattr(part, "transport", None), "selected_candidate_pair_id", ""))
            if pair is None:
                continue
            local = by_id[pair.candidate_pair.local_candidate_id].candidate
            remote = by_id[pair.candidate_pair.remote_candidate_id].candidate
            found.append(_pair(local, remote, plan, relay))
    return found


def _pair(local: Any, remote: Any, plan: CallPlan, relay: Tunnel | None) -> dict[str, str]:
    kind = next((name for name, number in KINDS.items() if number == local.candidate_type), "unknown")
    protocol = (
        {0: "udp", 1: "tcp", 2: "tls"}.get(local.relay_protocol, "unknown") if kind == "relay" else local.protocol
    )
    url = local.url
    # what the client calls TCP to loopback left this machine as the tunnel's verified TLS
    if relay and protocol == "tcp" and f":{relay.port}" in url and relay.handshakes:
        protocol, url = "tls", plan.relay_url
    return {"local": kind, "protocol": protocol, "remote": remote.address, "url": url}


def main() -> None:
    report = asyncio.run(call(_read(json.load(sys.stdin))))
    sys.stdout.write("\n" + json.dumps(report) + "\n")
    sys.stdout.flush()
    import os

    os._exit(0)  # the native library's threads may outlive the loop


if __name__ == "__main__":
    main()
