"""From an archive into a registry: what is there is not sent again, and the name comes last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from socle.images import archive
from socle.images.registry import Registry


@dataclass(frozen=True)
class Pushed:
    """`sent`: blobs that the registry did not have yet."""

    name: str
    version: str
    digest: str
    sent: int
    kept: int
    before: str | None  # digest that the version named until now, where it was another


def push(
    source: archive.Archive, image: archive.Image, target: Registry, repository: str, version: str,
    say: Callable[[str], None] = lambda _line: None,
) -> Pushed:  # fmt: skip
    """Raises InputError, CloudError. A push that ended early leaves blobs without a name; the next one uses them."""
    sent = 0
    for blob in image.blobs:
        if target.has_blob(repository, blob):
            continue
        say(f"{repository} {blob.digest[:19]} {blob.size >> 20} MiB")
        with source.blob(blob) as stream:
            target.upload(repository, blob, stream)
        sent += 1
    named = target.manifest(repository, version)
    for one, data in image.manifests[:-1]:
        target.put_manifest(repository, one.digest, one.kind, data)
    root, data = image.manifests[-1]
    before = named.descriptor.digest if named else None
    if before != root.digest:
        target.put_manifest(repository, version, root.kind, data)
    moved = before if before != root.digest else None
    return Pushed(f"{target.host}/{repository}", version, root.digest, sent, len(image.blobs) - sent, moved)


def stem(file: Path) -> str:
    """meet-backend of meet-backend.tar."""
    return file.name.removesuffix(".tar") if file.is_file() else file.name
