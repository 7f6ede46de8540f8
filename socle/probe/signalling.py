"""Joins a room just far enough to read what the service announces: its version, and the ICE servers users would use."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from socle.probe.call import Door
from socle.probe.tls import trust

TIMEOUT = 8.0


@dataclass(frozen=True)
class Announcement:
    """`ice`: every URL that clients are told to use for STUN and TURN."""

    failure: str
    version: str = ""
    node: str = ""
    ice: tuple[str, ...] = ()

    def foreign(self, own: str) -> tuple[str, ...]:
        """ICE servers that are not the stack's own: users' addresses would be told to somebody else."""
        return tuple(url for url in self.ice if host(url) != own)


def host(url: str) -> str:
    """`turn.example` of `turns:turn.example:443?transport=tcp`."""
    return url.partition(":")[2].partition("?")[0].rpartition(":")[0] or url.partition(":")[2]


def announced(door: Door, token: str, ca: Path | None) -> Announcement:
    return asyncio.run(_announced(door, token, ca))


async def _announced(door: Door, token: str, ca: Path | None) -> Announcement:
    import aiohttp
    from livekit.protocol import rtc

    url = f"wss://{door.address}:{door.port}/rtc"
    options = {"protocol": "15", "sdk": "python", "auto_subscribe": "0"}
    # the token travels in a header: addresses of requests end up in access logs
    headers = {"Host": door.name, "Authorization": f"Bearer {token}"}
    try:
        async with (
            asyncio.timeout(TIMEOUT),
            aiohttp.ClientSession() as session,
            session.ws_connect(url, params=options, headers=headers, ssl=trust(ca), server_hostname=door.name) as ws,
        ):
            async for message in ws:
                if message.type != aiohttp.WSMsgType.BINARY:
                    continue
                response = rtc.SignalResponse.FromString(message.data)
                if response.HasField("join"):
                    join = response.join
                    urls = tuple(address for server in join.ice_servers for address in server.urls)
                    return Announcement("", join.server_info.version, join.server_info.node_id, urls)
            return Announcement("closed before the answer to the join")
    except aiohttp.WSServerHandshakeError as error:
        return Announcement(f"the join was refused: HTTP {error.status}")
    except TimeoutError:
        return Announcement("no answer")
    except (aiohttp.ClientError, OSError) as error:
        return Announcement(_reason(error))


def _reason(error: Exception) -> str:
    """aiohttp wraps what the system said."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error
    return getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or str(cause)
