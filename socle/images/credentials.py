"""Who signs in to a registry: read from the standard file that podman, skopeo and cosign share (containers-auth.json).

Never from the command line or a variable: both are seen by others on the machine.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from socle.errors import InputError

HUB = "docker.io"
HUB_HOST = "registry-1.docker.io"
HUB_KEYS = (HUB, "https://index.docker.io/v1/", "index.docker.io", HUB_HOST)


@dataclass(frozen=True)
class Login:
    user: str
    password: str = field(repr=False)
    identity_token: str = field(default="", repr=False)


def files() -> list[Path]:
    """Where the file may be, the first that exists counts."""
    if own := os.environ.get("REGISTRY_AUTH_FILE"):
        return [Path(own)]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    docker = Path(os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker")
    found = [Path(runtime) / "containers/auth.json"] if runtime else []
    return [*found, config / "containers/auth.json", docker / "config.json"]


def login(host: str, repository: str) -> Login | None:
    """The most precise entry for `host/repository`; None where there is none. Raises SOC-1406."""
    file = next((one for one in files() if one.is_file()), None)
    if file is None:
        return None
    try:
        entries = json.loads(file.read_text(encoding="utf-8")).get("auths") or {}
        for key in _keys(host, repository):
            if entry := entries.get(key):
                return _read(entry)
    except (OSError, ValueError, AttributeError, binascii.Error) as error:
        # a JSON error quotes nothing of the file; what it holds is never repeated
        raise InputError(
            "SOC-1406", "the registries' credentials cannot be read: {file}", file=file, hint=type(error).__name__
        ) from None
    return None


def _keys(host: str, repository: str) -> list[str]:
    parts = repository.split("/")
    names = HUB_KEYS if host in (HUB, HUB_HOST) else (host, f"https://{host}", f"https://{host}/v2/")
    return [*(f"{names[0]}/{'/'.join(parts[:count])}" for count in range(len(parts), 0, -1)), *names]


def _read(entry: dict[str, str]) -> Login:
    user, _colon, password = base64.b64decode(entry.get("auth", ""), validate=True).decode().partition(":")
    return Login(user, password.rstrip("\0"), entry.get("identitytoken", ""))
