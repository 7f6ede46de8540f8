"""Secrets that are not made here: somebody outside hands them over, each in a file of its own, once.

`socle up` takes the file's content into the vault; the file may go then, and one that comes back later replaces
what the vault holds.
"""

from __future__ import annotations

import configparser
from pathlib import Path
from typing import Any

from socle import paths
from socle.errors import NodeError
from socle.messages import _
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.model import Secret

# Pairs of keys for S3, in the file that the cloud file names: which of its profiles each secret is looked for in.
PROFILES = {"objects": ("default",), "backup": ("backups", "default")}
PARTS = {"key": "aws_access_key_id", "secret": "aws_secret_access_key"}


def file_of(loaded: LoadedStack, secret: Secret) -> Path:
    account = loaded.stack.certificates.external_account
    named = {
        "oidc_client_secret": loaded.stack.identity.secret_file,
        "acme_hmac": account.secret_file if account else None,
    }.get(secret.name)
    return Path(named) if named else paths.stack_dir(loaded.name) / "handed-over" / secret.name


def _given(loaded: LoadedStack, secret: Secret) -> str:
    """What the secret's own file says, else the cloud file's pairs of keys, for those; '' where neither does."""
    return _read(file_of(loaded, secret)) or _of_pairs(loaded, secret)


def _of_pairs(loaded: LoadedStack, secret: Secret) -> str:
    around = loaded.cloud.surroundings.objects
    prefix, _underscore, part = secret.name.partition("_")
    if around is None or around.credentials is None or prefix not in PROFILES:
        return ""
    file, pairs = Path(around.credentials), configparser.ConfigParser(interpolation=None)
    try:
        pairs.read_string(_read(file))
    except configparser.Error:
        raise NodeError("SOC-5215", "a secret that was handed over cannot be read: {file}", file=file) from None
    profile = next((one for one in PROFILES[prefix] if pairs.has_section(one)), None)
    return pairs.get(profile, PARTS[part], fallback="") if profile else ""


def current_or_given(loaded: LoadedStack, secret: Secret, current: Any) -> str:
    """What the file says, else what the vault holds. Raises NodeError where there is neither."""
    given = _given(loaded, secret)
    if given or current:
        return str(given or current)
    raise _missing(loaded, secret)


def require(loaded: LoadedStack, topology: Topology, held: Any) -> None:
    """Raises NodeError for the first secret that nobody has handed over, before anything is made. `held`: a function
    that opens the vault, asked where a file is not there."""
    for secret in topology.secrets:
        if secret.kind == "handed-over" and not _given(loaded, secret) and not held().get(secret.name):
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
