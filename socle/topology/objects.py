"""Where a stack keeps objects: in the cloud's own store, on nodes of its own, or nowhere. S3 in both places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from socle.stack.load import LoadedStack
from socle.topology.matrix import port

KINDS = ("recordings", "transcripts", "files", "backups")
Owner = Literal["cloud", "stack"]


@dataclass(frozen=True)
class Store:
    """`owner`: whose store it is. `address`: https://NAME, with its port where that is another than HTTPS's. `buckets`:
    by what they hold."""

    owner: Owner
    name: str
    port: int
    address: str
    region: str
    buckets: dict[str, str]


def store_of(loaded: LoadedStack, tiers: Iterable[str]) -> Store | None:
    """None where the cloud has no store and the stack has no nodes for one."""
    cloud = loaded.cloud
    around = cloud.surroundings.objects
    buckets = {kind: bucket(loaded.name, kind) for kind in KINDS}
    if cloud.offers("object-store") and around:
        name, at = around.name, around.port
        return Store("cloud", name, at, _at(name, at), around.region or cloud.region, buckets)
    if "objects" in tiers:
        name, at = f"objects.{loaded.stack.domain}", port("own-objects")
        return Store("stack", name, at, _at(name, at), cloud.region, buckets)
    return None


def bucket(stack: str, holds: str) -> str:
    return f"{stack}-{holds}"


def _at(name: str, at: int) -> str:
    return f"https://{name}" if at == port("https") else f"https://{name}:{at}"
