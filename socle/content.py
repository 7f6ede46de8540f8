"""Finds the content (stacks, infra, playbooks, policies): in the checkout, else inside the wheel."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOMS = ("stacks", "infra", "playbooks", "policies")


@dataclass(frozen=True)
class Past:
    """Stack files as of a git revision: `root` holds them as the repository does, `folders` is their search path."""

    root: Path
    revision: str
    folders: tuple[Path, ...]


_past: ContextVar[Past | None] = ContextVar("past", default=None)


@contextmanager
def as_of(past: Past) -> Iterator[None]:
    """Inside, stacks, clouds, releases and waivers are those of the revision; program, model and rules stay today's."""
    token = _past.set(past)
    try:
        yield
    finally:
        _past.reset(token)


@cache
def root() -> Path:
    """The folder that holds the content rooms; put on the import path, so that `infra` and `policies` have one name."""
    package = Path(__file__).resolve().parent
    found = next(
        (c for c in (package.parent, package / "content") if all((c / room).is_dir() for room in ROOMS)),
        package / "content",
    )
    if str(found) not in sys.path:
        sys.path.insert(0, str(found))
    return found


def folder(room: str) -> Path:
    return root() / room


def search_path() -> tuple[Path, ...]:
    """Folders of stack files: the user's working directory first (a ministry's own repository), then the content."""
    if past := _past.get():
        return past.folders
    own = Path(os.environ.get("SOCLE_STACKS", "stacks"))
    shipped = folder("stacks")
    return (own, shipped) if own.is_dir() and own.resolve() != shipped.resolve() else (shipped,)


def own_policies() -> Path | None:
    """A ministry's own controls and rules, where SOCLE_POLICIES names their folder. Its Python is run: it is never
    looked for unasked."""
    named = os.environ.get("SOCLE_POLICIES")
    return Path(named) if named else None


def label(file: Path) -> str:
    """What errors and reports call a file: short below the working directory; `stacks/cnrs.yaml@main` of a revision."""
    past = _past.get()
    if past and file.is_relative_to(past.root):
        return f"{file.relative_to(past.root).as_posix()}@{past.revision}"
    try:
        return str(file.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(file)


def has_role(role: str) -> bool:
    return (folder("playbooks") / "roles" / role).is_dir()
