"""Which images are meant, and into which registry they go."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from socle.errors import InputError
from socle.images.archive import Image
from socle.images.registry import Registry
from socle.messages import _
from socle.stack.cloud import Cloud
from socle.stack.explain import suggestion
from socle.stack.load import known_releases, known_stacks, load_release, load_stack
from socle.stack.release import ContainerImage, Release


@dataclass(frozen=True)
class Wanted:
    """A release, and the cloud whose registry holds it where a stack was named."""

    release: Release
    cloud: Cloud | None


def of(argument: str, *, published: bool = False) -> Wanted:
    """`argument`: a stack's name or file, or a release. `published`: as the release file says, without a lab's overlay.

    Raises InputError.
    """
    if release := load_release(argument):
        return Wanted(release, None)
    names = [*known_stacks(), *known_releases()]
    if not argument.endswith((".yaml", ".yml")) and "/" not in argument and argument not in names:
        raise InputError(
            "SOC-1001", "no such stack or release: {name}", hint=suggestion(argument, names), name=argument
        )
    loaded = load_stack(argument)
    release = load_release(loaded.stack.release) if published else None
    return Wanted(release or loaded.release, loaded.cloud)


def registry(named: str | None, cloud: Cloud | None) -> Registry:
    """The one that is named, else the ministry's. Raises SOC-1408."""
    if named:
        return Registry(named)
    if cloud is None:
        raise InputError(
            "SOC-1408",
            "a release alone names no registry of yours",
            hint=_("give --registry HOST[:PORT], or name a stack"),
        )
    around = cloud.surroundings.registry
    ca = Path(cloud.ca_certificate) if cloud.ca_certificate and Path(cloud.ca_certificate).is_file() else None
    return Registry(around.name, address=str(around.address), ca=ca)


def entry(stem: str, image: Image, release: Release | None, file: Path) -> ContainerImage:
    """Where the archive's image belongs: what it says itself, else the release's image of its file's name.

    Raises SOC-1405 where neither says it, SOC-1407 where the release means another image.
    """
    releases = [release] if release else [one for name in reversed(known_releases()) if (one := load_release(name))]
    known = next((one.images[stem] for one in releases if stem in one.images), None)
    if image.reference:
        bare = image.reference.partition("@")[0]
        name, _colon, version = bare.rpartition(":") if ":" in bare.rpartition("/")[2] else (bare, "", "")
        said = ContainerImage(reference=name, version=version or image.version or "latest")
        if known is None or known.repository != said.repository:
            return said
    if known is None:
        names = sorted({name for one in releases for name in one.images})
        raise InputError(
            "SOC-1405",
            "the archive does not say which image it is: {file}",
            hint=", ".join(f"{name}.tar" for name in names),
            file=file,
        )
    if image.version and image.version != known.version:
        raise InputError(
            "SOC-1407",
            "{file} is not the release's image: {found}, not {wanted}",
            file=file,
            found=image.version,
            wanted=known.version,
        )
    if known.digest and known.digest != image.root.digest:
        raise InputError(
            "SOC-1407",
            "{file} is not the release's image: {found}, not {wanted}",
            file=file,
            found=image.root.digest,
            wanted=known.digest,
        )
    return known
