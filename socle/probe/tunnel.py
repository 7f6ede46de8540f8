"""Plain TCP on loopback to verified TLS: for a client that knows only its built-in authorities.

Certificate and name are verified here, and what goes over the network is what the service speaks.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from socle.probe.call import Door
from socle.probe.tls import trust


@dataclass
class Tunnel:
    """`handshakes`: protocol of every TLS connection made; `failures`: why one was not."""

    door: Door
    port: int = 0
    handshakes: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


@asynccontextmanager
async def tunnel(door: Door, ca: Path | None, *, http: bool = False) -> AsyncIterator[Tunnel]:
    """`http`: the Host line of each request is the service's name, not loopback's."""
    state = Tunnel(door)
    context = trust(ca)
    running: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        running.add(task)
        task.add_done_callback(running.discard)
        try:
            await _carry(state, context, reader, writer, http)
        except asyncio.CancelledError:
            pass  # the block has ended; asyncio would complain of a connection that was still open
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    state.port = server.sockets[0].getsockname()[1]
    try:
        yield state
    finally:
        server.close()
        for task in list(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _carry(
    state: Tunnel, context: ssl.SSLContext, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, http: bool
) -> None:
    door = state.door
    try:
        there, back = await asyncio.wait_for(
            asyncio.open_connection(door.address, door.port, ssl=context, server_hostname=door.name), 8
        )
    except (OSError, TimeoutError) as error:
        state.failures.append(f"{door.name}: {getattr(error, 'verify_message', '') or error or 'no answer'}")
        return
    state.handshakes.append(back.get_extra_info("ssl_object").version())
    try:
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            if http:
                back.write(_renamed(await reader.readuntil(b"\r\n\r\n"), door.name))
            done, rest = await asyncio.wait(
                [asyncio.ensure_future(_pipe(reader, back)), asyncio.ensure_future(_pipe(there, writer))],
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in rest:
                task.cancel()
            await asyncio.gather(*done, *rest, return_exceptions=True)
    finally:
        back.close()


def _renamed(head: bytes, name: str) -> bytes:
    lines = [b"Host: " + name.encode() if line.lower().startswith(b"host:") else line for line in head.split(b"\r\n")]
    return b"\r\n".join(lines)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
