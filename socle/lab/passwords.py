"""Passwords of one lab: made once, kept 0600 beside its data, never on a command line."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from pathlib import Path

from socle.files import write_file

NAMES = (
    "database", "messages", "admin", "operator", "metadata", "rndc", "tsig", "secrets_key", "objects_salt",
    "identity_client", "identity_cookies", "identity_user-1", "identity_user-2",
)  # fmt: skip
BASE64 = {"rndc": 24, "tsig": 24, "secrets_key": 32}  # bytes; a Fernet key has 32. The others: 24 bytes, hexadecimal


def load(file: Path, users: tuple[str, ...]) -> dict[str, str]:
    """The lab's passwords, one per name of NAMES and one per service user; made when missing."""
    known: dict[str, str] = json.loads(file.read_text()) if file.exists() else {}
    missing = [name for name in (*NAMES, *users) if name not in known]
    if missing:
        for name in missing:
            size = BASE64.get(name)
            known[name] = base64.b64encode(secrets.token_bytes(size)).decode() if size else secrets.token_hex(24)
        write_file(file, json.dumps(known, indent=1))
    return known


def keystone_hash(password: str) -> str:
    """A password as Keystone stores it (pbkdf2_sha512, passlib's notation).

    Few rounds: the passwords are 192 random bits, and every token request pays for each round.
    """
    rounds, salt = 100, secrets.token_bytes(16)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    return f"$pbkdf2-sha512${rounds}${_ab64(salt)}${_ab64(digest)}"


def fernet_keys(folder: Path) -> None:
    """Keystone's key repository: 0 is the staged key, 1 the primary one."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in ("0", "1"):
        if not (folder / name).exists():
            write_file(folder / name, base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())


def _ab64(value: bytes) -> str:
    return base64.b64encode(value).decode().rstrip("=").replace("+", ".")
