"""Finds the content (stacks, infra, playbooks, policies): in the checkout, else inside the wheel."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path

ROOMS = ("stacks", "infra", "playbooks", "policies")


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
    own = Path(os.environ.get("SOCLE_STACKS", "stacks"))
    shipped = folder("stacks")
    return (own, shipped) if own.is_dir() and own.resolve() != shipped.resolve() else (shipped,)
