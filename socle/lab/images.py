"""The container images of the lab's registry: LiveKit, built here, and the application's.

Those of the application are given (`SOCLE_IMAGES`: a folder with OCI archives and their SHA256SUMS), else stood in for.
They go in by the same way as into a ministry's registry, `socle images import`, from inside the lab's network: from
outside the registry is read-only.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socle.errors import InputError
from socle.files import write_file
from socle.lab import access, apis, container_image, stand_ins, wiring, world
from socle.lab.commands import run
from socle.lab.machine import Machine
from socle.stack.load import known_releases, load_release
from socle.stack.release import ContainerImage

VARIABLE = "SOCLE_IMAGES"
SUMS = "SHA256SUMS"
PROGRAM = "livekit-server"
Entry = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """Archives by the name of their image, and what each one's SHA-256 must be. `key`: changes with their content."""

    archives: dict[str, Path]
    sums: dict[str, str]
    key: str


def record() -> Path:
    """What the registry was given last, beside its data."""
    return wiring.DATA / "images.json"


def given() -> Given | None:
    """The folder that SOCLE_IMAGES names; None where it names none. Raises SOC-6021. Reads no archive."""
    named = os.environ.get(VARIABLE)
    if not named:
        return None
    folder = Path(named)
    try:
        lines = (folder / SUMS).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        raise InputError(
            "SOC-6021", "SOCLE_IMAGES names a folder without its checksums: {file}", file=folder / SUMS
        ) from None
    pairs = [(digest, name.removeprefix("*")) for digest, _space, name in (line.partition("  ") for line in lines)]
    wrong = next((name for _digest, name in pairs if not name or "/" in name), None)
    if wrong is not None or not pairs:
        raise InputError("SOC-6021", "checksums that cannot be read: {file}", file=folder / SUMS)
    archives = [(digest, folder / name) for digest, name in pairs if name.endswith(".tar")]
    files = {file.stem: file for _digest, file in archives}
    sums = {file.stem: digest for digest, file in archives}
    return Given(files, sums, hashlib.sha256("\n".join(sorted(f"{d} {n}" for d, n in pairs)).encode()).hexdigest())


def check(found: Given) -> None:
    """Every archive against its checksum. Raises SOC-6022."""
    for name, file in found.archives.items():
        try:
            with file.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except OSError as error:
            raise InputError("SOC-6022", "an archive of SOCLE_IMAGES is missing: {file}", file=file) from error
        if digest != found.sums[name]:
            raise InputError("SOC-6022", "an archive of SOCLE_IMAGES is not its checksum's: {file}", file=file)


def current() -> bool:
    """Whether the registry has what is wanted now. Without SOCLE_IMAGES whatever it has of the application is kept."""
    from socle.engine import build

    found, known = given(), known_record()
    if not access.IMAGES.exists() or known.get("livekit") != build.digest(PROGRAM):
        return False
    return found is None or known.get("source") == found.key


def known_record() -> dict[str, str]:
    try:
        loaded: dict[str, str] = json.loads(record().read_text())
    except (OSError, ValueError):
        return {}
    return loaded


def offer(registry_name: str, machine: Machine) -> None:
    """Fills the registry and tells the operator the digests (`images.yaml`, the release's overlay)."""
    import yaml

    from socle.engine import build

    if current():
        return
    found, known = given(), known_record()
    layouts = wiring.DATA / "container-image"
    version = build.version(PROGRAM)
    made = container_image.of_binary(build.binary(PROGRAM), version)
    container_image.write_layout(made, layouts, f"{published()['livekit'].reference}:{version}")
    sources = {"livekit": layouts}
    kept: dict[str, Entry] = {}
    if found:
        check(found)
        sources |= found.archives
    elif known.get("source") and access.IMAGES.exists():
        kept = yaml.safe_load(access.IMAGES.read_text(encoding="utf-8"))["images"]
    else:
        stood_for = {name: image for name, image in published().items() if name in stand_ins.FILES}
        folder = stand_ins.layer(machine, stood_for).ensure()
        sources |= {name: folder / name for name in stood_for}
    entries = kept | push(registry_name, sources, stood_in=found is None)
    import shutil

    shutil.rmtree(layouts)
    access.write_images(yaml.safe_dump({"images": entries}, sort_keys=False))
    source = found.key if found else known.get("source", "stand-in")
    write_file(record(), json.dumps({"livekit": build.digest(PROGRAM), "source": source}))


def published() -> dict[str, ContainerImage]:
    """Images by name, each as the newest release that has it says."""
    found: dict[str, ContainerImage] = {}
    for release in (one for name in known_releases() if (one := load_release(name))):
        found |= release.images
    return found


def push(registry_name: str, sources: dict[str, Path], *, stood_in: bool) -> dict[str, Entry]:
    """Overlay entries of what was pushed."""
    local = f"127.0.0.1:{apis.REGISTRY_LOCAL_PORT}"
    files = [str(path) for path in sources.values()]
    tool = [sys.executable, "-m", "socle", "images", "import", *files, "--registry", local, "--json"]
    said = run(["nsenter", "-t", str(world.pid()), "-n", "--", *tool])
    entries = {}
    for name, one in zip(sources, json.loads(said), strict=True):
        repository = one["name"].partition("/")[2]
        entry = {"reference": f"{registry_name}/{repository}", "version": one["version"], "digest": one["digest"]}
        entries[name] = entry | ({"stand_in": True} if stood_in and name in stand_ins.FILES else {})
    return entries
