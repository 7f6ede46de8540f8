"""What a live cloud tells of itself, as plain data in the APIs' own terms and units.

Throughout, None stands for what the cloud does not tell this user: no right to ask, or no such API. That is no "no".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """By whom the cloud was asked. `entry`, of clouds.yaml: None when OS_* of the environment were used."""

    entry: str | None
    file: str | None = None
    authority: str | None = None


@dataclass(frozen=True)
class LiveZone:
    name: str
    available: bool = True


@dataclass(frozen=True)
class LiveNetwork:
    """`blocks`: its IPv4 subnets; none where the cloud keeps them to its administrators."""

    name: str
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveFlavour:
    """`ram` in MiB, `disk` in GiB."""

    name: str
    vcpus: int
    ram: int
    disk: int
    disabled: bool = False
    specs: Mapping[str, str] | None = None


@dataclass(frozen=True)
class LiveImage:
    """`distribution`, `version`, `user`: os_distro, os_version and os_admin_user, where its owner set them."""

    name: str
    distribution: str = ""
    version: str = ""
    user: str = ""
    algorithm: str = ""
    digest: str = ""


@dataclass(frozen=True)
class LiveVolumeType:
    name: str
    encrypted: bool | None = None


@dataclass(frozen=True)
class Endpoint:
    """`addresses`: the IPv4 addresses of the host, as this machine resolves it."""

    host: str
    port: int
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveCloud:
    """`services`: types in the catalogue, their present names. `zones` and `limits`: by service."""

    source: Source
    region: str
    auth_url: str
    project: str
    services: tuple[str, ...]
    zones: Mapping[str, tuple[LiveZone, ...] | None]
    networks: tuple[LiveNetwork, ...] | None
    flavours: tuple[LiveFlavour, ...] | None
    images: tuple[LiveImage, ...] | None
    volume_types: tuple[LiveVolumeType, ...] | None
    balancers: tuple[str, ...] | None  # Octavia's providers
    objects: Endpoint | None  # the object store's endpoint
    limits: Mapping[str, Mapping[str, int] | None]  # quotas of the project; a negative one is none
