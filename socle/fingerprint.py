"""Digests of the files that an answer depends on. A folder counts even when it is empty: `content.has_role` asks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path

BUILT = {"__pycache__", ".git", ".mypy_cache", ".ruff_cache"}  # made from the rest


def below(folder: Path, *, suffixes: Collection[str] = (), without: Collection[Path] = ()) -> list[Path]:
    """The folders and files below a folder, links followed once each. `suffixes`: of the files, where not all count."""
    found: list[Path] = []
    seen: set[str] = set()
    for base, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(base)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [one for one in folders if one not in BUILT and Path(base, one) not in without]
        found += [Path(base, one) for one in folders]
        found += [Path(base, one) for one in names if not suffixes or os.path.splitext(one)[1] in suffixes]  # noqa: PTH122  quicker
    return found


def of(paths: Iterable[Path]) -> str:
    """sha256 over names and contents, in one order. A file that cannot be read counts as such."""
    total = hashlib.sha256()
    for path in sorted(set(paths)):
        total.update(f"{path}\0{content(path)}\0".encode())
    return total.hexdigest()


def content(path: Path) -> str:
    """sha256 of a file; a word for what is none."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except IsADirectoryError:
        return "folder"
    except OSError as error:
        return f"none: {error.errno}"
