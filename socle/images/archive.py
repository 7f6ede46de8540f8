"""An image in a file or a folder: an OCI image layout, as it is or as a tar. Everything is checked before it is used.

Nothing is unpacked: blobs are read where they lie, so that no name of an entry ever becomes a path on this machine.
"""

from __future__ import annotations

import hashlib
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from socle.errors import InputError
from socle.images import kinds
from socle.images.kinds import Descriptor, Document, Malformed

PLATFORM = "linux/amd64"
MOST_ENTRIES = 2000
LARGEST_ARCHIVE = 32 << 30  # bytes, all entries together
STEP = 1 << 20
BLOBS = "blobs/sha256/"
FULL_NAMES = ("io.containerd.image.name", kinds.REFERENCE)


@dataclass(frozen=True)
class Image:
    """What is pushed: its root, everything that hangs on it (roots last), and what it says of itself."""

    root: Descriptor
    manifests: tuple[tuple[Descriptor, bytes], ...]
    blobs: tuple[Descriptor, ...]
    reference: str  # host/name:version, where the archive says it
    version: str


class Archive:
    """Entries of one layout by name. Use `opened`."""

    def __init__(self, file: Path, tar: tarfile.TarFile | None) -> None:
        self.file = file
        self._tar = tar
        self._sizes = dict(self._in_tar(tar) if tar else self._in_folder())
        if sum(self._sizes.values()) > LARGEST_ARCHIVE:
            raise self._unsafe("its entries are larger than an image may be")

    # --- entries -----------------------------------------------------------------------------------------------------

    def _in_tar(self, tar: tarfile.TarFile) -> Iterator[tuple[str, int]]:
        self._members: dict[str, tarfile.TarInfo] = {}
        for number, member in enumerate(tar):
            name = member.name.removeprefix("./")
            parts = name.split("/")
            if number >= MOST_ENTRIES:
                raise self._unsafe("more entries than an image has")
            if name.startswith("/") or ".." in parts:
                raise self._unsafe(f"an entry leads out of it: {name}")
            if member.isdir() or name == ".":
                continue
            if not member.isreg() or member.issparse():
                raise self._unsafe(f"an entry that is no plain file: {name}")
            if name in self._members:
                raise self._unsafe(f"an entry is there twice: {name}")
            self._members[name] = member
            yield name, member.size

    def _in_folder(self) -> Iterator[tuple[str, int]]:
        for number, path in enumerate(sorted(self.file.rglob("*"))):
            found = path.lstat()
            name = path.relative_to(self.file).as_posix()
            if number >= MOST_ENTRIES:
                raise self._unsafe("more entries than an image has")
            if stat.S_ISDIR(found.st_mode):
                continue
            if not stat.S_ISREG(found.st_mode):
                raise self._unsafe(f"an entry that is no plain file: {name}")
            yield name, found.st_size

    def _open(self, name: str) -> BinaryIO:
        if self._tar is None:
            return (self.file / name).open("rb")
        stream: IO[bytes] | None = self._tar.extractfile(self._members[name])
        if stream is None:
            raise self._unsafe(f"an entry that is no plain file: {name}")
        return cast(BinaryIO, stream)

    def _small(self, name: str) -> bytes:
        if name not in self._sizes:
            raise self._no_image(f"{name} is missing")
        if self._sizes[name] > kinds.LARGEST_DOCUMENT:
            raise self._unsafe(f"too large: {name}")
        with self._open(name) as stream:
            data = stream.read(kinds.LARGEST_DOCUMENT + 1)
        if len(data) != self._sizes[name]:
            raise self._damaged(f"ends too early: {name}")
        return data

    # --- content -----------------------------------------------------------------------------------------------------

    def blob(self, one: Descriptor) -> BinaryIO:
        """Its bytes, seekable."""
        return self._open(self._entry(one))

    def document(self, one: Descriptor) -> bytes:
        data = self._small(self._entry(one))
        if hashlib.sha256(data).hexdigest() != one.hexadecimal:
            raise self._damaged(f"content that is not its digest's: {one.digest}")
        return data

    def _entry(self, one: Descriptor) -> str:
        name = BLOBS + one.hexadecimal
        if name not in self._sizes:
            raise self._damaged(f"is missing: {one.digest}")
        if self._sizes[name] != one.size:
            raise self._damaged(f"has {self._sizes[name]} bytes, not {one.size}: {one.digest}")
        return name

    def check(self) -> None:
        """Reads every blob once. Raises SOC-1402 for one that is not what its name says."""
        for name in self._sizes:
            if not name.startswith("blobs/"):
                continue
            wanted = name.removeprefix(BLOBS)
            if not kinds.DIGEST.fullmatch(f"sha256:{wanted}"):
                raise self._no_image(f"a blob without a sha256 name: {name}")
            digest = hashlib.sha256()
            with self._open(name) as stream:
                while step := stream.read(STEP):
                    digest.update(step)
            if digest.hexdigest() != wanted:
                raise self._damaged(f"content that is not its digest's: sha256:{wanted}")

    def image(self) -> Image:
        """The image for PLATFORM, or the index that holds it."""
        try:
            if kinds.mapping(self._small("oci-layout")).get("imageLayoutVersion") != "1.0.0":
                raise Malformed("oci-layout is of another version than 1.0.0")
            named = kinds.document(self._small("index.json"), kinds.OCI_INDEX).children
            root = self._root(named)
            manifests, blobs = self._below(root, set())
            configuration = self._configuration(root)
        except Malformed as error:
            raise self._no_image(str(error)) from None
        config = configuration.get("config")
        labels = (config.get("Labels") if isinstance(config, dict) else None) or {}
        names = [value for key in FULL_NAMES if (value := root.annotations.get(key))]
        full = next((name for name in names if "/" in name), "")
        short = next((name for name in names if "/" not in name), "")
        version = full.rpartition("/")[2].partition(":")[2] or short or str(labels.get(kinds.VERSION) or "")
        return Image(root, tuple(manifests), tuple(dict.fromkeys(blobs)), full, version)

    def _root(self, named: tuple[Descriptor, ...]) -> Descriptor:
        fitting = [one for one in named if one.kind in (*kinds.MANIFESTS, *kinds.INDEXES)]
        if len(fitting) > 1:
            fitting = [one for one in fitting if one.platform == PLATFORM]
        if len(fitting) != 1:
            raise self._no_platform(f"{len(fitting)} images")
        return fitting[0]

    def _below(self, one: Descriptor, seen: set[str]) -> tuple[list[tuple[Descriptor, bytes]], list[Descriptor]]:
        """What `one` names, children before their parent."""
        if one.digest in seen:
            return [], []
        seen.add(one.digest)
        data = self.document(one)
        read = kinds.document(data, one.kind)
        if any(layer.kind not in kinds.LAYERS for layer in read.layers) and not read.subject:
            odd = next(layer.kind for layer in read.layers if layer.kind not in kinds.LAYERS)
            raise Malformed(f"a layer of a type that no image has: {odd}")
        manifests: list[tuple[Descriptor, bytes]] = []
        blobs = list(read.blobs)
        for blob in blobs:
            self._entry(blob)
        for child in read.children:
            more, beside = self._below(child, seen)
            manifests += more
            blobs += beside
        return [*manifests, (one, data)], blobs

    def _configuration(self, root: Descriptor) -> dict[str, object]:
        """Of the image for PLATFORM; SOC-1404 when there is none."""
        for one, read in self._images(root):
            raw = kinds.mapping(self.document(read.configuration)) if read.configuration else {}
            if f"{raw.get('os')}/{raw.get('architecture')}" != PLATFORM:
                continue
            roots = raw.get("rootfs")
            ids = roots.get("diff_ids") if isinstance(roots, dict) else None
            if not isinstance(ids, list) or len(ids) != len(read.layers):
                raise Malformed(f"as many layers as its configuration names: {one.digest}")
            return raw
        raise self._no_platform("none")

    def _images(self, one: Descriptor) -> Iterator[tuple[Descriptor, Document]]:
        read = kinds.document(self.document(one), one.kind)
        if read.configuration and read.configuration.kind in kinds.CONFIGURATIONS:
            yield one, read
        for child in read.children:
            yield from self._images(child)

    # --- refusals ----------------------------------------------------------------------------------------------------

    def _no_image(self, why: str) -> InputError:
        return InputError("SOC-1401", "{file} is no OCI image: {why}", file=self.file, why=why)

    def _damaged(self, why: str) -> InputError:
        return InputError("SOC-1402", "{file} is damaged or cut short: {why}", file=self.file, why=why)

    def _unsafe(self, why: str) -> InputError:
        return InputError("SOC-1403", "{file} is refused unread: {why}", file=self.file, why=why)

    def _no_platform(self, found: str) -> InputError:
        return InputError(
            "SOC-1404",
            "{file} holds not one image for {platform}: {found}",
            file=self.file,
            platform=PLATFORM,
            found=found,
        )


@contextmanager
def opened(file: Path) -> Iterator[Archive]:
    """The archive, checked. Raises InputError: SOC-1001 (not there), SOC-1401 to SOC-1404."""
    if file.is_dir():
        archive = Archive(file, None)
        archive.check()
        yield archive
        return
    if not file.is_file():
        raise InputError("SOC-1001", "no such archive: {file}", file=file)
    try:
        with tarfile.open(file, mode="r:") as tar:
            archive = Archive(file, tar)
            archive.check()
            yield archive
    except tarfile.ReadError as error:
        short = "unexpected end" in str(error) or "truncated" in str(error)
        if short:
            raise InputError("SOC-1402", "{file} is damaged or cut short: {why}", file=file, why=error) from None
        raise InputError("SOC-1401", "{file} is no OCI image: {why}", file=file, why=error) from None
