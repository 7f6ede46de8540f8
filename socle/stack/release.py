"""Versions and digests of what is deployed, one file of stacks/releases/ each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from socle.stack.model import Day, Line, Section, Word

RUN_ON: dict[str, tuple[str, ...]] = {  # image that the roles deploy: tiers whose nodes run it
    "livekit": ("media",),
    "meet-backend": ("application", "workers"),
    "meet-frontend": ("application",),
    "egress": ("recording",),
    "sip": ("telephony",),
    "meet-summary": ("transcription",),
    "whisper-api": ("transcription",),
    "whisper-models": ("transcription",),  # weights alone, packed by the ministry, mounted where the engine looks
    "meet-agents": ("subtitles",),
    "kyutai-stt": ("subtitles",),
    "kyutai-models": ("subtitles",),
}


def images_of(tiers: Iterable[str]) -> list[str]:
    """Names of the images that nodes of these tiers run."""
    asked = set(tiers)
    return [name for name, runners in RUN_ON.items() if asked.intersection(runners)]


class ContainerImage(Section):
    """A container image: where it is pulled from, and the digest that names its content."""

    reference: Word
    version: Word
    digest: Annotated[str | None, Field(pattern=r"^sha256:[0-9a-f]{64}$")] = None
    signed_by: Annotated[
        str | None, Field(pattern=r"^-----BEGIN PUBLIC KEY-----\s", description="PEM; cosign signatures are its")
    ] = None
    sbom: Annotated[bool, Field(description="Whether its bill of materials is published beside it")] = False
    stand_in: Annotated[bool, Field(description="Made by a lab in the place of what it is called")] = False

    @property
    def repository(self) -> str:
        """Its name without the registry that published it."""
        host, _slash, rest = self.reference.partition("/")
        return rest if rest and _is_host(host) else self.reference

    @property
    def published_by(self) -> str:
        host, _slash, rest = self.reference.partition("/")
        return host if rest and _is_host(host) else "docker.io"

    @property
    def pinned(self) -> str | None:
        """`reference@digest`, or None while no digest is recorded."""
        return f"{self.reference}@{self.digest}" if self.digest else None

    @property
    def tagged(self) -> str:
        """`reference:version`, what is looked for before a digest is known."""
        return f"{self.reference}:{self.version}"


def _is_host(first: str) -> bool:
    """As every client of registries tells a host from the first word of a name."""
    return "." in first or ":" in first or first == "localhost"


class Release(Section):
    version: Line
    operating_system: Annotated[Line, Field(description="An entry of a cloud's `images`")]
    supported_until: Day
    images: dict[str, ContainerImage]
    packages: Annotated[dict[Word, Word], Field(default_factory=dict, description="Debian package -> version prefix")]

    def stand_ins(self, tiers: Iterable[str] | None = None) -> list[str]:
        """Images that a lab made in the place of the real ones: all, or those that these tiers run."""
        names = self.images if tiers is None else images_of(tiers)
        return [name for name in names if name in self.images and self.images[name].stand_in]


class Overlay(Section):
    """Digests of images that a lab built itself; they replace those of the release."""

    images: dict[str, ContainerImage]
