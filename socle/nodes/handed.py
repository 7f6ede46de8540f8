"""Secrets that are not made here: somebody outside hands them over, each in a file of its own, once.

`socle up` takes the file's content into the vault; the file may go then, and one that comes back later replaces
what the vault holds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from socle import paths
from socle.errors import NodeError
from socle.messages import _
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.model import Secret


def file_of(loaded: LoadedStack, secret: Secret) -> Path:
    named = loaded.stack.identity.secret_file if secret.name == "oidc_client_secret" else None
    return Path(named) if named else paths.stack_dir(loaded.name) / "handed-over" / secret.name


def current_or_given(loaded: LoadedStack, secret: Secret, current: Any) -> str:
    """What the file says, else what the vault holds. Raises NodeError where there is neither."""
    given = _read(file_of(loaded, secret))
    if given or current:
        return str(given or current)
    raise _missing(loaded, secret)


def require(loaded: LoadedStack, topology: Topology, held: Any) -> None:
    """Raises NodeError for the first secret that nobody has handed over, before anything is made. `held`: a function
    that opens the vault, asked where a file is not there."""
    for secret in topology.secrets:
        if secret.kind == "handed-over" and not _read(file_of(loaded, secret)) and not held().get(secret.name):
            raise _missing(loaded, secret)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError):
        raise NodeError("SOC-5215", "a secret that was handed over cannot be read: {file}", file=file) from None


def _missing(loaded: LoadedStack, secret: Secret) -> NodeError:
    return NodeError(
        "SOC-5214",
        "a secret is yet to be handed over: {secret}",
        hint=_("write it into this file, which nobody else may read: {file}").format(file=file_of(loaded, secret)),
        secret=secret.name,
    )
