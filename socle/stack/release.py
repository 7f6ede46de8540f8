"""Versions and digests of what is deployed, one file of stacks/releases/ each."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from socle.stack.model import Day, Line, Section, Word

NEEDED_IMAGES = ("livekit",)  # what the roles deploy
VISIO_IMAGES = ("meet-backend", "meet-frontend")  # the same, where the stack has application nodes


class ContainerImage(Section):
    """A container image: where it is pulled from, and the digest that names its content."""

    reference: Word
    version: Word
    digest: Annotated[str | None, Field(pattern=r"^sha256:[0-9a-f]{64}$")] = None

    @property
    def pinned(self) -> str | None:
        """`reference@digest`, or None while no digest is recorded."""
        return f"{self.reference}@{self.digest}" if self.digest else None

    @property
    def tagged(self) -> str:
        """`reference:version`, what is looked for before a digest is known."""
        return f"{self.reference}:{self.version}"


class Release(Section):
    version: Line
    operating_system: Annotated[Line, Field(description="An entry of a cloud's `images`")]
    supported_until: Day
    images: dict[str, ContainerImage]
    packages: Annotated[dict[Word, Word], Field(default_factory=dict, description="Debian package -> version prefix")]


class Overlay(Section):
    """Digests of images that a lab built itself; they replace those of the release."""

    images: dict[str, ContainerImage]
