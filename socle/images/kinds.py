"""What a registry and an archive hold: descriptors, manifests, indexes (OCI image specification 1.1). Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIGURATION = "application/vnd.oci.image.config.v1+json"
INDEXES = (OCI_INDEX, "application/vnd.docker.distribution.manifest.list.v2+json")
MANIFESTS = (OCI_MANIFEST, "application/vnd.docker.distribution.manifest.v2+json")
CONFIGURATIONS = (OCI_CONFIGURATION, "application/vnd.docker.container.image.v1+json")
OCI_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
LAYERS = (
    "application/vnd.oci.image.layer.v1.tar",
    OCI_LAYER_GZIP,
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
)
REFERENCE = "org.opencontainers.image.ref.name"  # annotation: how a layout calls its image
VERSION = "org.opencontainers.image.version"  # label
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
LARGEST_DOCUMENT = 4 << 20  # bytes: what registries take at most for a manifest
LARGEST_BLOB = 8 << 30
MOST_PARTS = 500  # layers of an image, images of an index


class Malformed(ValueError):
    """Not of the form that the specification gives; says what."""


@dataclass(frozen=True)
class Descriptor:
    """Names content: its type, digest and size in bytes."""

    kind: str
    digest: str
    size: int
    artifact: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    platform: str = field(default="", compare=False)  # os/architecture, where an index says it

    @property
    def hexadecimal(self) -> str:
        return self.digest.removeprefix("sha256:")

    def record(self) -> dict[str, Any]:
        """As it is written into an index."""
        found: dict[str, Any] = {"mediaType": self.kind, "digest": self.digest, "size": self.size}
        found |= {"artifactType": self.artifact} if self.artifact else {}
        return found | ({"annotations": dict(self.annotations)} if self.annotations else {})


@dataclass(frozen=True)
class Document:
    """A manifest or an index, read: `children` of an index, configuration and layers of a manifest."""

    kind: str
    children: tuple[Descriptor, ...] = ()
    configuration: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None

    @property
    def blobs(self) -> Iterator[Descriptor]:
        if self.configuration:
            yield self.configuration
        yield from self.layers


def descriptor(raw: object) -> Descriptor:
    """Raises Malformed."""
    if not isinstance(raw, dict):
        raise Malformed("a descriptor is no mapping")
    kind, digest, size = raw.get("mediaType"), raw.get("digest"), raw.get("size")
    if not isinstance(kind, str) or not isinstance(digest, str) or not DIGEST.fullmatch(digest):
        raise Malformed(f"a descriptor without a type or a sha256 digest: {digest}")
    if not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= LARGEST_BLOB:
        raise Malformed(f"a size that is none: {size}")
    platform, annotations = raw.get("platform"), raw.get("annotations")
    return Descriptor(
        kind,
        digest,
        size,
        str(raw.get("artifactType") or ""),
        {str(k): str(v) for k, v in annotations.items()} if isinstance(annotations, dict) else {},
        f"{platform.get('os')}/{platform.get('architecture')}" if isinstance(platform, dict) else "",
    )


def document(data: bytes, kind: str = "") -> Document:
    """Reads a manifest or an index; `kind` is what it is said to be. Raises Malformed."""
    raw = mapping(data)
    kind = kind.partition(";")[0].strip() or str(raw.get("mediaType") or "")
    if raw.get("mediaType", kind) != kind:
        raise Malformed(f"it is called {kind} and says: {raw.get('mediaType')}")
    if kind in INDEXES:
        return Document(kind, children=_list(raw, "manifests"))
    if kind not in MANIFESTS:
        raise Malformed(f"neither a manifest nor an index: {kind or 'no type'}")
    subject = descriptor(raw["subject"]) if raw.get("subject") else None
    return Document(kind, (), descriptor(raw.get("config")), _list(raw, "layers"), subject)


def index(children: Iterable[Descriptor]) -> bytes:
    """As it is pushed."""
    listed = [one.record() for one in children]
    whole = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": listed}
    return json.dumps(whole, separators=(",", ":")).encode()


def mapping(data: bytes) -> dict[str, Any]:
    """A JSON object. Raises Malformed."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"no JSON: {error}") from None
    if not isinstance(raw, dict):
        raise Malformed("no JSON object")
    return raw


def _list(raw: Mapping[str, Any], key: str) -> tuple[Descriptor, ...]:
    found = raw.get(key)
    if not isinstance(found, list) or len(found) > MOST_PARTS:
        raise Malformed(f"no list, or too long a one: {key}")
    return tuple(descriptor(one) for one in found)
