"""Whether a registry holds a release: each image by its digest, its signature, its bill of materials."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from socle.errors import VerifyFailed
from socle.images import archive, kinds, signature
from socle.images.registry import Registry
from socle.stack.release import ContainerImage, Release

Outcome = Literal["pass", "fail", "unknown"]
What = Literal["digest", "signature", "sbom", "content"]


@dataclass(frozen=True)
class Check:
    """`code`: of the failure, which `socle explain` knows."""

    image: str
    what: What
    outcome: Outcome
    seen: str
    code: str = ""


@dataclass(frozen=True)
class Result:
    registry: str
    release: str
    checks: tuple[Check, ...]

    @property
    def outcome(self) -> Outcome:
        """The gravest; of nothing, unknown."""
        found = {check.outcome for check in self.checks}
        return "fail" if "fail" in found else "unknown" if "unknown" in found or not found else "pass"

    def record(self) -> dict[str, object]:
        return {**asdict(self), "outcome": self.outcome}


def verify(release: Release, registry: Registry) -> Result:
    """Raises CloudError where the registry cannot be asked, or answers with other content than was asked for."""
    checks = [check for name, image in release.images.items() for check in _of(name, image, registry)]
    return Result(registry.host, release.version, tuple(checks))


def _of(name: str, image: ContainerImage, registry: Registry) -> Iterator[Check]:
    if image.stand_in:
        # what a lab made in the place of an image says nothing of that image
        yield Check(name, "content", "unknown", STAND_IN)
    if not image.digest:
        yield Check(name, "digest", "unknown", "the release records no digest")
        return
    held = registry.manifest(image.repository, image.digest)
    if held is None:
        yield Check(name, "digest", "fail", f"not in the registry: {image.digest}", "SOC-8501")
        return
    if missing := _incomplete(registry, image.repository, held.data, held.kind):
        yield Check(name, "digest", "fail", f"in the registry without: {missing}", "SOC-8501")
        return
    yield Check(name, "digest", "pass", image.digest)
    near = signature.beside(registry, image.repository, image.digest)
    key = image.signed_by
    if key is None:
        yield Check(name, "signature", "unknown", "the release names no key")
    else:
        good, seen = signature.signed(registry, image.repository, image.digest, key, near)
        yield Check(name, "signature", "pass", seen) if good else Check(name, "signature", "fail", seen, "SOC-8502")
    good, seen = signature.bill(registry, image.repository, image.digest, key, near)
    if good:
        yield Check(name, "sbom", "pass", seen)
    elif image.sbom or seen != "no bill of materials":
        yield Check(name, "sbom", "fail", seen, "SOC-8503")
    else:
        yield Check(name, "sbom", "unknown", "none is there, and the release promises none")


STAND_IN = "a stand-in made by the lab, not La Suite Meet"


def _incomplete(registry: Registry, repository: str, data: bytes, kind: str) -> str:
    """A blob that the manifest names and the registry lacks; of an index, of the image that nodes pull."""
    read = kinds.document(data, kind)
    for child in read.children:
        if child.platform in ("", archive.PLATFORM):
            held = registry.manifest(repository, child.digest)
            if held is None:
                return child.digest
            if missing := _incomplete(registry, repository, held.data, held.kind):
                return missing
    return next((blob.digest for blob in read.blobs if not registry.has_blob(repository, blob)), "")


def require(result: Result) -> None:
    """Raises VerifyFailed for what failed, else for what is unknown."""
    lines = {
        outcome: [f"{one.image}: {one.what}: {one.seen}" for one in result.checks if one.outcome == outcome]
        for outcome in ("fail", "unknown")
    }
    if failed := [one for one in result.checks if one.outcome == "fail"]:
        raise VerifyFailed(
            failed[0].code,
            "the registry does not hold the release as it is written: {registry}",
            hint="\n".join(lines["fail"]),
            registry=result.registry,
        )
    if result.outcome == "unknown":
        raise VerifyFailed(
            "SOC-8504",
            "not everything about the release's images is known: {registry}",
            hint="\n".join(lines["unknown"]),
            registry=result.registry,
        )
