"""What containers of the object store hold, and its deletion: the store refuses to let go of one that is not empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from socle.engine.answers import call, refused, said
from socle.messages import _

if TYPE_CHECKING:
    from openstack.connection import Connection

AT_ONCE = 8
PAGE = 1000  # objects of one listing
PARTS = "+segments"  # ends the name of the container in which Swift keeps the parts of S3's large uploads


def empty(cloud: Connection, container: str, say: Callable[[str], None]) -> None:
    """Deletes every object, all versions included; no container is an empty one. Raises CloudError."""
    first = True
    while page := list(_objects(cloud, container)):
        if first:
            say(_("deleting what is kept in {container}").format(container=container))
            first = False
        with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
            list(pool.map(lambda one: _asked(cloud, "delete", container, *one), page))


def _objects(cloud: Connection, container: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The first page of names, each with the query that means one version of it."""
    listing = _asked(cloud, "get", container, "", {"format": "json", "limit": str(PAGE), "versions": "true"})
    rows: Iterable[dict[str, Any]] = listing.json() if listing is not None and listing.status_code == 200 else ()
    for row in rows:
        version = row.get("version_id")
        yield row["name"], {"version-id": version} if version and version != "null" else {}


def _asked(cloud: Connection, method: str, container: str, name: str, query: dict[str, str]) -> Any:
    """The answer; None where there is no such thing. Raises CloudError for any other refusal."""
    path = "/".join(quote(part, safe="") for part in (container, name) if part)
    answer = getattr(cloud.object_store, method)(f"/{path}", params=query)
    if answer.status_code == 404:
        return None
    if answer.status_code >= 400:
        raise refused(answer.status_code, call(method, answer.url), said(answer))
    return answer
