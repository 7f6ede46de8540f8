"""What hardening costs a media node: speakers and listeners in one room, while all other media nodes rest."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks import throughput
from benchmarks.throughput import Standing
from socle.probe import call
from socle.probe.model import Spot
from socle.probe.tunnel import tunnel
from tests import golang

SPEAKERS, LISTENERS = 4, 4  # the largest room of the demonstration
RATE, LENGTH = 3000, 1000  # packets per second of a speaker, and bytes of one
JOINING = 60  # seconds
IMAGE = "sed -n s/^Image=//p /etc/containers/systemd/livekit.container"


def report(stack: str = "demo") -> str:
    standing = throughput.standing(stack)
    target, flows = standing.target, standing.target.topology.flows
    node, *others = target.of("media")
    program = golang.program(Path(__file__).with_name("load"))
    key, secret = "bench", secrets.token_urlsafe(32)
    settings = {
        "port": flows.get("signalling").port,
        "rtc": {"node_ip": node.public, "use_external_ip": False, "tcp_port": flows.get("media-tcp").port,
                "udp_port": flows.get("media-udp").ports},
        "keys": {key: secret},
        # as the embedded cloud's: the busy machine would refuse every room
        "limit": {"num_tracks": -1},
    }  # fmt: skip
    image = standing.ask(node.name, IMAGE).strip()
    podman = ["podman", "run", "--rm", "--network=host", "--pull=never", image, "--config-body", json.dumps(settings)]

    def hardened() -> float:
        return asyncio.run(loaded(standing, node, program, target.api_key, target.api_secret))

    def bare() -> float:
        with standing.bare(node.name, "livekit", podman):
            return asyncio.run(loaded(standing, node, program, key, secret))

    with contextlib.ExitStack() as resting:
        for other in others:
            resting.enter_context(standing.without(other.name, "livekit"))
        return throughput.report("a media node's packets", hardened, bare)


async def loaded(standing: Standing, node: Spot, program: Path, key: str, secret: str) -> float:
    target = standing.target
    plan = call.plan(target, "direct", target.doors("edge")[0], None)
    room = call.own_room()
    tokens = [call.token(key, secret, f"load-{number}", room) for number in range(SPEAKERS + LISTENERS)]
    async with tunnel(plan.signalling, target.ca, http=True) as edge:
        given = {"URL": f"ws://127.0.0.1:{edge.port}", "Speakers": tokens[:SPEAKERS], "Listeners": tokens[SPEAKERS:]}
        async with calling(program, {**given, "Rate": RATE, "Length": LENGTH}):
            return await asyncio.to_thread(standing.sent, node.name)


@contextlib.asynccontextmanager
async def calling(program: Path, plan: dict[str, Any]) -> AsyncIterator[None]:
    """All are there and hear; tried again while LiveKit begins."""
    async with asyncio.timeout(JOINING) as patience:
        while True:
            process = await asyncio.create_subprocess_exec(
                program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(plan).encode())
            process.stdin.write_eof()
            try:
                while (said := await process.stdout.readline()).strip() == b"0":
                    pass
                if not said:
                    await asyncio.sleep(1)
                    continue
                patience.reschedule(None)
                yield
                return
            finally:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()


if __name__ == "__main__":
    print(report(*sys.argv[1:]))
