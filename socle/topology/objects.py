"""Where a stack keeps objects: in the cloud's own store, on nodes of its own, or nowhere. S3 in both places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from socle.stack.load import LoadedStack
from socle.topology.flows import Flow
from socle.topology.matrix import port

KINDS = ("recordings", "transcripts", "files", "backups")
WAYS = ("objects", "objects-inside", "own-objects", "downloads", "own-downloads")  # flows of the matrix by which a tier reaches the store
Owner = Literal["cloud", "stack"]


@dataclass(frozen=True)
class Store:
    """`owner`: whose store it is. `port`: where it answers itself; tiers on inner networks have another. `buckets`:
    by what they hold."""

    owner: Owner
    name: str
    port: int
    region: str
    buckets: dict[str, str]


def store_of(loaded: LoadedStack, tiers: Iterable[str]) -> Store | None:
    """None where the cloud has no store and the stack has no nodes for one."""
    cloud = loaded.cloud
    around = cloud.surroundings.objects
    buckets = {kind: bucket(loaded.name, kind) for kind in KINDS}
    if cloud.offers("object-store") and around:
        return Store("cloud", around.name, around.port, around.region or cloud.region, buckets)
    if "objects" in tiers:
        return Store("stack", f"objects.{loaded.stack.domain}", port("own-objects"), cloud.region, buckets)
    return None


def bucket(stack: str, holds: str) -> str:
    return f"{stack}-{holds}"


def ports(flows: Iterable[Flow]) -> dict[str, int]:
    """On which port each tier finds the store, by the flow that leads it there."""
    return {str(flow.source): flow.port for flow in flows if flow.name in WAYS}
