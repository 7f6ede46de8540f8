"""From the registry that published an image into the ministry's, by digest, with all that was published beside it:
signatures, attestations, bills of materials.

Each blob is kept in the cache until it is pushed: what was fetched before a break is not fetched again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from socle.errors import CloudError, InputError
from socle.images import kinds, signature
from socle.images.kinds import Descriptor
from socle.images.registry import Held, Registry
from socle.messages import _
from socle.paths import cache_dir
from socle.stack.release import ContainerImage, Release

DEEPEST = 4  # what is beside an image may have something beside it


@dataclass(frozen=True)
class Mirrored:
    """`beside`: manifests that refer to the image; `sent`: blobs that the target did not have."""

    name: str
    version: str
    digest: str
    beside: int
    sent: int


class Copy:
    """One repository into another."""

    def __init__(self, source: Registry, target: Registry, repository: str, say: Callable[[str], None]) -> None:
        self.source, self.target, self.repository, self.say = source, target, repository, say
        self.sent = 0
        self.beside: set[str] = set()
        self._done: set[str] = set()

    def image(self, digest: str, version: str) -> None:
        """Everything that the digest names and everything beside it; the version is named last."""
        held = self._get(digest)
        for one in self._all(held, digest):
            self._beside(one, 0)
        self.target.put_manifest(self.repository, version, held.kind, held.data)

    def _get(self, reference: str) -> Held:
        held = self.source.manifest(self.repository, reference)
        if held is None:
            raise CloudError(
                "SOC-4304",
                "{registry} does not have it",
                registry=self.source.host,
                hint=f"{self.repository} {reference}",
            )
        return held

    def _all(self, held: Held, reference: str) -> Iterator[str]:
        """Copies the manifest with what it names, children first; gives their digests."""
        digest = held.descriptor.digest
        if digest in self._done:
            return
        read = kinds.document(held.data, held.kind)
        for child in read.children:
            yield from self._all(self._get(child.digest), child.digest)
        for blob in read.blobs:
            self._blob(blob)
        self._done.add(digest)
        lists = self.target.put_manifest(self.repository, reference, held.kind, held.data)
        if read.subject and not lists:
            self._list(read.subject.digest, held)
        yield digest

    def _beside(self, digest: str, depth: int) -> None:
        """cosign's tags, and the list of referrers."""
        if depth == DEEPEST:
            return
        for tag in signature.tags(digest):
            if held := self.source.manifest(self.repository, tag):
                self._one_beside(held, tag, depth)
        for one in self.source.referrers(self.repository, digest):
            self._one_beside(self._get(one.digest), one.digest, depth)

    def _one_beside(self, held: Held, reference: str, depth: int) -> None:
        self.beside.add(held.descriptor.digest)
        known = held.descriptor.digest in self._done
        for digest in self._all(held, reference):
            self._beside(digest, depth + 1)
        if known and not kinds.DIGEST.fullmatch(reference):  # another name of what was copied
            self.target.put_manifest(self.repository, reference, held.kind, held.data)

    def _list(self, subject: str, held: Held) -> None:
        """A registry before 1.1 keeps no list of referrers: the tag that stands for it is written here."""
        tag = subject.replace(":", "-")
        known = self.target.manifest(self.repository, tag)
        listed = list(kinds.document(known.data, known.kind).children) if known else []
        if any(one.digest == held.descriptor.digest for one in listed):
            return
        raw = kinds.mapping(held.data)
        config = raw.get("config")
        artifact = str(raw.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else "") or "")
        one = held.descriptor
        own = Descriptor(one.kind, one.digest, one.size, artifact, raw.get("annotations") or {})
        index = kinds.index([*listed, own])
        self.target.put_manifest(self.repository, tag, kinds.OCI_INDEX, index)

    def _blob(self, blob: Descriptor) -> None:
        if self.target.has_blob(self.repository, blob):
            return
        file = cache_dir() / "images" / blob.hexadecimal
        if not _is(file, blob):
            self.say(
                _("fetching {image}: {size} MiB").format(
                    image=f"{self.repository} {blob.digest[:19]}", size=blob.size >> 20
                )
            )
            file.parent.mkdir(parents=True, exist_ok=True)
            part = file.with_suffix(".part")
            with part.open("w+b") as stream:
                self.source.fetch(self.repository, blob, stream)
            part.replace(file)
        with file.open("rb") as stream:
            self.target.upload(self.repository, blob, stream)
        file.unlink(missing_ok=True)
        self.sent += 1


def _is(file: Path, blob: Descriptor) -> bool:
    """Whether the cache has it whole."""
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == blob.hexadecimal
    except FileNotFoundError:
        return False


def mirror(
    release: Release,
    target: Registry,
    source_of: Callable[[str], Registry],
    say: Callable[[str], None] = lambda _line: None,
) -> Iterator[Mirrored]:
    """Image by image. Raises SOC-1411 before anything is copied for an image without a digest; CloudError."""
    for name, image in release.images.items():
        _require_digest(name, image, source_of)
    for image in release.images.values():
        copy = Copy(source_of(image.published_by), target, image.repository, say)
        copy.image(str(image.digest), image.version)
        yield Mirrored(
            f"{target.host}/{image.repository}", image.version, str(image.digest), len(copy.beside), copy.sent
        )


def _require_digest(name: str, image: ContainerImage, source_of: Callable[[str], Registry]) -> None:
    """Says what the version names now, for a person to record: a tag alone is never copied."""
    if image.digest:
        return
    held = source_of(image.published_by).manifest(image.repository, image.version)
    found = held.descriptor.digest if held else _("not there")
    raise InputError(
        "SOC-1411",
        "the release records no digest of: {image}",
        hint=_("{registry} has under {version} now: {digest}").format(
            registry=image.published_by, version=image.version, digest=found
        ),
        image=name,
    )
