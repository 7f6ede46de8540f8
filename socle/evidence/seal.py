"""The seal of a folder of evidence: a manifest of every file's digest, signed with an Ed25519 key (RFC 8032).

The manifest is the one place that holds a time: the rest of two runs over the same inputs is the same.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socle.errors import InputError, VerifyFailed
from socle.files import write_file
from socle.messages import _

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

FORMAT = "socle evidence 1"
MANIFEST, SIGNATURE, KEY = "manifest.json", "manifest.sig", "manifest.pub"
OF_THE_SEAL = {MANIFEST, SIGNATURE, KEY}


@dataclass(frozen=True)
class Sealed:
    """What a manifest says. `signer`: the digest of the key that signed it, None where nobody did."""

    about: Mapping[str, Any]
    made: str
    files: Mapping[str, str]
    signer: str | None


def seal(folder: Path, about: Mapping[str, Any], key: Ed25519PrivateKey | None = None) -> None:
    """Writes the manifest of what the folder holds; with a key, its signature and the public key beside it."""
    for name in OF_THE_SEAL:
        (folder / name).unlink(missing_ok=True)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {"format": FORMAT, "about": about, "made": made, "files": dict(_digests(folder))}
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    write_file(folder / MANIFEST, text)
    if key:
        write_file(folder / SIGNATURE, base64.b64encode(key.sign(text.encode())).decode() + "\n")
        write_file(folder / KEY, _pem(key.public_key()))


def verified(folder: Path, trusted: Ed25519PublicKey | None = None) -> Sealed:
    """What the folder was sealed with. `trusted`: whose signature is asked for.

    Raises InputError where there is no manifest, VerifyFailed where anything is not as it was sealed.
    """
    raw, sealed = _manifest(folder)
    found = dict(_digests(folder))
    wrong = sorted(name for name in found.keys() | sealed.files.keys() if found.get(name) != sealed.files.get(name))
    if wrong:
        raise VerifyFailed(
            "SOC-8602",
            "files that are not as they were sealed: {names}",
            hint="\n".join(f"{name}: {_fate(name, found, sealed.files)}" for name in wrong),
            names=", ".join(wrong),
        )
    return Sealed(sealed.about, sealed.made, sealed.files, _signer(folder, raw, trusted))


def _fate(name: str, found: Mapping[str, str], sealed: Mapping[str, str]) -> str:
    if name not in found:
        return _("gone")
    return _("changed") if name in sealed else _("added")


def _digests(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():  # it would let the evidence be another tomorrow
            raise InputError("SOC-8601", "evidence holds no links: {file}", file=path)
        if path.is_file() and name not in OF_THE_SEAL:
            yield name, hashlib.sha256(path.read_bytes()).hexdigest()


def _manifest(folder: Path) -> tuple[bytes, Sealed]:
    file = folder / MANIFEST
    try:
        raw = file.read_bytes()
        data = json.loads(raw)
        if data["format"] != FORMAT:
            raise KeyError(FORMAT)
        return raw, Sealed(dict(data["about"]), str(data["made"]), dict(data["files"]), None)
    except OSError as error:
        raise InputError("SOC-8601", "no evidence here: {file}", file=error.filename) from None
    except (ValueError, KeyError, TypeError):
        raise InputError("SOC-8601", "not a manifest of this version of Socle: {file}", file=file) from None


def _signer(folder: Path, raw: bytes, trusted: Ed25519PublicKey | None) -> str | None:
    from cryptography.exceptions import InvalidSignature

    if not (folder / SIGNATURE).exists():
        if trusted:
            raise VerifyFailed("SOC-8603", "nobody signed this evidence: {folder}", folder=folder)
        return None
    key = trusted or public_key(folder / KEY)
    try:
        key.verify(base64.b64decode((folder / SIGNATURE).read_bytes(), validate=False), raw)
    except (InvalidSignature, binascii.Error):
        raise VerifyFailed("SOC-8603", "the signature is not of this key: {key}", key=fingerprint(key)) from None
    return fingerprint(key)


# --- keys ------------------------------------------------------------------------------------------------------------


def private_key(file: Path) -> Ed25519PrivateKey:
    """Raises InputError for anything but an Ed25519 key in PEM without a passphrase."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(file), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise InputError("SOC-8604", "no private Ed25519 key in PEM: {file}", file=file)
    return key


def public_key(file: Path) -> Ed25519PublicKey:
    """Raises InputError for anything but an Ed25519 key in PEM."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(_read(file))
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise InputError("SOC-8604", "no public Ed25519 key in PEM: {file}", file=file)
    return key


def fingerprint(key: Ed25519PublicKey) -> str:
    """sha256 of the key's 32 bytes."""
    return "sha256:" + hashlib.sha256(key.public_bytes_raw()).hexdigest()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise InputError("SOC-8604", "the key cannot be read: {file}", file=error.filename) from None


def _pem(key: Ed25519PublicKey) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
