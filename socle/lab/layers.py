"""What is built once: layers, each in a folder named by the digest of its recipe under the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from socle.lab import console
from socle.lab.wiring import layers_dir
from socle.messages import _


@dataclass(frozen=True)
class Layer:
    """recipe: everything that decides the content, as text; build: fills the folder it is given."""

    name: str
    recipe: str
    build: Callable[[Path], None]
    gib: float  # measured size, for the check of free space

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.recipe.encode()).hexdigest()[:16]

    @property
    def path(self) -> Path:
        return layers_dir() / f"{self.name}-{self.digest}"

    @property
    def built(self) -> bool:
        return self.path.is_dir()

    def ensure(self) -> Path:
        """The layer's folder; built beside and renamed, so that a half-built one is never taken for a layer."""
        if not self.built:
            layers_dir().mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(prefix=f"{self.name}-", suffix=f".part-{os.getpid()}", dir=layers_dir()))
            part.chmod(0o755)
            try:
                with console.phase(_("build {name}").format(name=self.name)):
                    self.build(part)
                part.rename(self.path)
            except BaseException:
                shutil.rmtree(part, ignore_errors=True)
                raise
        return self.path


def remove_leftovers() -> None:
    """Half-built folders of builders that no longer run."""
    for part in layers_dir().glob("*.part-*"):
        owner = part.name.rpartition(".part-")[2]
        if not Path(f"/proc/{owner}").exists():
            shutil.rmtree(part, ignore_errors=True)
