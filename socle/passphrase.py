"""The passphrase that opens the stacks' secrets and the secrets in their state: always in a file, never an argument."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from socle.errors import MachineError
from socle.files import write_file_once
from socle.paths import state_dir

BYTES = 32  # 256 bits


def file() -> Path:
    """`SOCLE_PASSPHRASE_FILE`, else one made once beside the stacks' state. Raises MachineError for one not there."""
    if given := os.environ.get("SOCLE_PASSPHRASE_FILE"):
        if not Path(given).is_file():
            raise MachineError("SOC-7102", "no such passphrase file: {file}", file=given)
        return Path(given)
    own = state_dir() / "passphrase"
    if not own.exists():
        own.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_file_once(own, secrets.token_urlsafe(BYTES) + "\n")
    return own


def read() -> bytes:
    """Raises MachineError for a file that is empty or cannot be read."""
    given = file()
    try:
        found = given.read_bytes().strip()
    except OSError:
        raise MachineError("SOC-7105", "the passphrase cannot be read: {file}", file=given) from None
    if not found:
        raise MachineError("SOC-7105", "the passphrase is empty: {file}", file=given)
    return found
