"""Container images made on the spot, for the lab's registry: of one program, or of a few files.

Format: OCI image specification 1.1. The same content gives the same digest: no date, no owner, no order that depends on
the machine.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import shutil
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socle.images.kinds import OCI_CONFIGURATION, OCI_LAYER_GZIP, OCI_MANIFEST, REFERENCE, VERSION

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
NOBODY = 65532  # the image's user; the unit that runs it names another one


@dataclass(frozen=True)
class Blob:
    kind: str
    data: bytes

    @property
    def digest(self) -> str:
        return "sha256:" + hashlib.sha256(self.data).hexdigest()

    @property
    def descriptor(self) -> dict[str, Any]:
        return {"mediaType": self.kind, "digest": self.digest, "size": len(self.data)}


@dataclass(frozen=True)
class Layer:
    """`content`: digest of the tar before it was compressed."""

    blob: Blob
    content: str


@dataclass(frozen=True)
class Image:
    layers: tuple[Layer, ...]
    configuration: Blob

    @property
    def manifest(self) -> Blob:
        return _json(
            OCI_MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": OCI_MANIFEST,
                "config": self.configuration.descriptor,
                "layers": [layer.blob.descriptor for layer in self.layers],
            },
        )


def image(layers: Sequence[Layer], title: str, version: str, **config: Any) -> Image:
    """`config`: Entrypoint, Cmd, User, Env and the like; Labels come on top of title and version."""
    labels = {"org.opencontainers.image.title": title, VERSION: version}
    whole = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {**config, "Labels": labels | config.get("Labels", {})},
        "rootfs": {"type": "layers", "diff_ids": [layer.content for layer in layers]},
    }
    return Image(tuple(layers), _json(OCI_CONFIGURATION, whole))


def of_binary(binary: Path, version: str) -> Image:
    """An image that holds one static program and an empty /tmp, and starts the program."""

    def fill(tar: tarfile.TarFile) -> None:
        add(tar, binary.name, binary.read_bytes(), mode=0o755)
        folder(tar, "tmp", 0o1777)

    user = f"{NOBODY}:{NOBODY}"
    return image([layer(fill)], binary.name, version, Entrypoint=[f"/{binary.name}"], User=user)


def layer(fill: Callable[[tarfile.TarFile], None]) -> Layer:
    """What `fill` writes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        fill(tar)
    data = buffer.getvalue()
    packed = Blob(OCI_LAYER_GZIP, gzip.compress(data, compresslevel=1, mtime=0))
    return Layer(packed, "sha256:" + hashlib.sha256(data).hexdigest())


def add(tar: tarfile.TarFile, name: str, data: bytes, mode: int = 0o644) -> None:
    entry = tarfile.TarInfo(name)
    entry.mode, entry.size = mode, len(data)
    tar.addfile(entry, io.BytesIO(data))


def folder(tar: tarfile.TarFile, name: str, mode: int = 0o755) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def link(tar: tarfile.TarFile, name: str, target: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode, entry.linkname = tarfile.SYMTYPE, 0o777, target
    tar.addfile(entry)


def tree(tar: tarfile.TarFile, source: Path, below: str, wanted: Callable[[str], bool]) -> None:
    """The folder `below` of `source`, as root's and without dates, but for what is not wanted."""
    for path in (source / below, *sorted((source / below).rglob("*"))):
        name = path.relative_to(source).as_posix()
        if not wanted(name):
            continue
        if path.is_symlink():
            link(tar, name, str(path.readlink()))
        elif path.is_dir():
            folder(tar, name)
        elif path.is_file():
            add(tar, name, path.read_bytes(), path.stat().st_mode & 0o755)


def _json(kind: str, value: Mapping[str, Any]) -> Blob:
    return Blob(kind, json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def write_layout(made: Image, target: Path, reference: str) -> None:
    """The image as an OCI image layout, which names it: host/name:version."""
    blobs = target / "blobs" / "sha256"
    shutil.rmtree(target, ignore_errors=True)
    blobs.mkdir(parents=True)
    for blob in (*(one.blob for one in made.layers), made.configuration, made.manifest):
        (blobs / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
    (target / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    named = {**made.manifest.descriptor, "annotations": {REFERENCE: reference}}
    (target / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))
