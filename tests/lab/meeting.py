"""A call that goes on while something breaks: two participants who stay, and what each sees of the other.

    python -m tests.lab.meeting < PLAN

PLAN: JSON with `door` (name, address, port), `ca`, `tokens` (two), `relays` (`urls`, `user`, `password`; empty for a
direct call). Every line that it prints is a time (of the machine's monotonic clock) at which both had got pictures of
the other within the second before. Who is thrown out joins again with the same token, as a person who reloads the page.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from socle.probe import call, native
from socle.probe.call import Door
from socle.probe.tunnel import tunnel
from tests.conftest import ROOT
from tests.lab.moments import Moments

STEP = 0.2  # seconds between two looks
FRESH = 1.0  # seconds since a participant last got a picture


class Meeting(Moments):
    """The moments at which both saw each other, as the call's process says them."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__()
        self._process = process
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self.add(float(line))

    def end(self) -> None:
        self._process.kill()
        self._reading.join(30)
        self._process.communicate(timeout=30)  # closes what it was asked and told by


@contextmanager
def meeting(door: Door, ca: Path, tokens: tuple[str, str], relays: dict[str, Any] | None = None) -> Iterator[Meeting]:
    """A call that begins, and ends with the block."""
    plan = {"door": [door.name, door.address, door.port], "ca": str(ca), "tokens": tokens, "relays": relays or {}}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.lab.meeting"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdin
    process.stdin.write(json.dumps(plan) + "\n")
    process.stdin.flush()
    held = Meeting(process)
    try:
        held.first(60)
        yield held
    finally:
        held.end()


# --- the call's process ----------------------------------------------------------------------------------------------

Seen = list[dict[str, int]]


async def stay(port: int, token: str, options: Any, seen: Seen, mine: int) -> None:
    """In the room, for as long as it goes; and again where it ended."""
    from livekit import rtc

    while True:
        room, gone = rtc.Room(), asyncio.Event()
        room.on("disconnected", lambda *_, gone=gone: gone.set())
        seen[mine] = native._count(room)
        try:
            await asyncio.wait_for(room.connect(f"ws://127.0.0.1:{port}", token, options), call.PATIENCE)
            sender = await asyncio.wait_for(native._publish(room), call.PATIENCE)
            await gone.wait()
            sender.cancel()
        except (TimeoutError, *native.refusals()):
            pass
        await asyncio.gather(asyncio.wait_for(room.disconnect(), 5), return_exceptions=True)
        await asyncio.sleep(STEP)


async def hold(plan: dict[str, Any]) -> None:
    from livekit import rtc

    relays = plan["relays"]
    servers = [
        rtc.IceServer(urls=[url], username=relays["user"], password=relays["password"])
        for url in relays.get("urls", ())
    ]
    policy = rtc.IceTransportType.TRANSPORT_RELAY if servers else rtc.IceTransportType.TRANSPORT_ALL
    config = rtc.RtcConfiguration(ice_transport_type=policy, ice_servers=servers)
    options = rtc.RoomOptions(auto_subscribe=True, rtc_config=config)
    seen: Seen = [{}, {}]
    pictures, last = [0, 0], [0.0, 0.0]  # sound goes on in a client to whom nobody speaks, pictures do not
    async with tunnel(Door(*plan["door"]), Path(plan["ca"]), http=True) as edge:
        stays = [
            asyncio.ensure_future(stay(edge.port, token, options, seen, mine))
            for mine, token in enumerate(plan["tokens"])
        ]
        while not any(one.done() for one in stays):
            await asyncio.sleep(STEP)
            now = time.monotonic()
            for mine, counted in enumerate(seen):
                if counted.get("video", 0) != pictures[mine]:
                    pictures[mine], last[mine] = counted.get("video", 0), now
            if min(last) > now - FRESH:
                print(now, flush=True)  # noqa: T201
        await asyncio.gather(*stays)  # what it raised


if __name__ == "__main__":
    asyncio.run(hold(json.loads(sys.stdin.readline())))
