"""Where Socle keeps things on the operator's machine."""

from __future__ import annotations

import os
from pathlib import Path


def state_dir() -> Path:
    """State, secrets and host keys, one folder per stack: `SOCLE_STATE`, else under the XDG data folder."""
    return _folder("SOCLE_STATE", "XDG_DATA_HOME", ".local/share")


def cache_dir() -> Path:
    """What can be made again, by content: `SOCLE_CACHE`, else under the XDG cache folder."""
    return _folder("SOCLE_CACHE", "XDG_CACHE_HOME", ".cache")


def stack_dir(stack: str) -> Path:
    """The private folder (0700) of one stack; made when it is missing."""
    folder = state_dir() / stack
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _folder(own: str, xdg: str, default: str) -> Path:
    if value := os.environ.get(own):
        return Path(value)
    base = os.environ.get(xdg)
    return (Path(base) if base else Path.home() / default) / "socle"
