"""LiveKit's container image, made on the spot from the binary that the engine room builds, for the lab's registry.

Format: OCI image specification 1.1 (one layer, one configuration, one manifest). The same binary gives the same digest.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import platform
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socle.lab import access, apis, wiring, world

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIGURATION = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PROGRAM = "livekit-server"
REPOSITORY = "livekit/livekit-server"
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
class Image:
    layer: Blob
    configuration: Blob

    @property
    def manifest(self) -> Blob:
        return _json(
            MANIFEST,
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": self.configuration.descriptor,
                "layers": [self.layer.descriptor],
            },
        )


def of_binary(binary: Path, version: str) -> Image:
    """An image that holds one static program and an empty /tmp, and starts the program."""
    archive = _archive(binary)
    config = {
        "architecture": ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "Entrypoint": [f"/{binary.name}"],
            "User": f"{NOBODY}:{NOBODY}",
            "Labels": {"org.opencontainers.image.title": binary.name, "org.opencontainers.image.version": version},
        },
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(archive).hexdigest()]},
    }
    return Image(Blob(LAYER, gzip.compress(archive, compresslevel=1, mtime=0)), _json(CONFIGURATION, config))


def _archive(binary: Path) -> bytes:
    """No date, no owner, no order that depends on the machine."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        program = tarfile.TarInfo(binary.name)
        program.mode, program.size = 0o755, binary.stat().st_size
        with binary.open("rb") as stream:
            tar.addfile(program, stream)
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(folder)
    return buffer.getvalue()


def _json(kind: str, value: Mapping[str, Any]) -> Blob:
    return Blob(kind, json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def write_layout(image: Image, folder: Path, tag: str) -> None:
    """The image as an OCI image layout: the form in which every tool takes an image from a folder."""
    blobs = folder / "blobs" / "sha256"
    shutil.rmtree(folder, ignore_errors=True)
    blobs.mkdir(parents=True)
    for blob in (image.layer, image.configuration, image.manifest):
        (blobs / blob.digest.removeprefix("sha256:")).write_bytes(blob.data)
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
    named = {**image.manifest.descriptor, "annotations": {"org.opencontainers.image.ref.name": tag}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [named]}))


def offer(registry_name: str) -> None:
    """Builds the image, pushes it to the lab's registry and tells the operator its digest (`images.yaml`)."""
    import yaml

    from socle.engine import build

    version = build.version(PROGRAM)
    image = of_binary(build.binary(PROGRAM), version)
    layout = wiring.DATA / "container-image"
    write_layout(image, layout, version)
    source = f"oci:{wiring.INSIDE}/data/{layout.name}:{version}"
    target = f"docker://127.0.0.1:{apis.REGISTRY_LOCAL_PORT}/{REPOSITORY}:{version}"
    world.inside(["skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", source, target])
    shutil.rmtree(layout)
    found = {
        "reference": f"{registry_name}/{REPOSITORY}",
        "version": version,
        "digest": image.manifest.digest,
    }
    access.IMAGES.write_text(yaml.safe_dump({"images": {"livekit": found}}, sort_keys=False), encoding="utf-8")
    access.hand_over()
