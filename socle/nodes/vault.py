"""The stack's secrets: made once, encrypted with ansible-vault in `<state>/<stack>/secrets.yml`, never clear on disk.

What the file holds, decrypted: `secrets:` with one entry per secret of the topology. A token is a string, an SSH key
`{private, public}`, a certificate `{key, certificate}` (PEM, the issuer's certificate appended); what is rotated while
it is used: see `rotation`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from socle import passphrase, paths
from socle.errors import NodeError
from socle.files import write_file
from socle.messages import _
from socle.nodes import acme, certificates, handed, rotation
from socle.nodes.challenges import Challenges
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.model import Secret

TOKEN_BYTES = 32  # 256 bits


@dataclass(frozen=True)
class Vault:
    """An open vault. Its text form never shows a value."""

    file: Path
    values: Mapping[str, Any]

    def token(self, name: str) -> str:
        return str(self.values[name])

    @property
    def private_key(self) -> str:
        return str(self.values["ssh_key"]["private"])

    @property
    def public_key(self) -> str:
        return str(self.values["ssh_key"]["public"])

    def __repr__(self) -> str:
        return f"Vault({self.file}, {sorted(self.values)})"


def vault_file(stack: str) -> Path:
    return paths.stack_dir(stack) / "secrets.yml"


def open_vault(
    loaded: LoadedStack, topology: Topology, now: datetime | None = None, dns: Challenges | None = None
) -> Vault:
    """The stack's secrets, after making those that are missing and renewing certificates near their end.

    `dns`: where an ACME authority is shown proofs; without it (the zone is yet to be made) nobody asks one.
    Raises NodeError when the vault cannot be opened, CertificatesError when a certificate cannot be issued.
    """
    file = vault_file(loaded.name)
    before = read_vault(loaded.name)
    values = dict(before)
    now = now or datetime.now(UTC)
    for secret in topology.secrets:
        if not certificates.by_acme(loaded, secret):
            values[secret.name] = _value(loaded, secret, values.get(secret.name), now)
        elif dns:
            account = acme.Account(values["acme_account_key"], values.get("acme_hmac", ""))
            obtain = partial(acme.obtain, loaded, account, dns=dns)
            values[secret.name] = certificates.of_acme(loaded, secret, values.get(secret.name), now, obtain)
        else:
            continue
        if values[secret.name] != before.get(secret.name):
            _write(file, values)  # at once: a certificate that is refused next must not lose a key made here
    certificates.require_all(loaded, topology.secrets, values)
    return Vault(file, values)


def change(stack: str, name: str, how: Callable[[Any], Any]) -> None:
    """Gives one secret another value."""
    values = read_vault(stack)
    _write(vault_file(stack), {**values, name: how(values.get(name))})


def new_token() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)


def read_vault(stack: str) -> dict[str, Any]:
    """What the vault holds; empty when there is none yet."""
    file = vault_file(stack)
    if not file.exists():
        return {}
    from ansible.errors import AnsibleError

    try:
        text = _cipher().decrypt(file.read_bytes())
    except AnsibleError:
        raise NodeError(
            "SOC-5201",
            "the secrets cannot be decrypted: {file}",
            hint=_("is this the passphrase they were made with? {file}").format(file=passphrase.file()),
            file=file,
        ) from None
    return dict(yaml.safe_load(text)["secrets"])


def _value(loaded: LoadedStack, secret: Secret, current: Any, now: datetime) -> Any:
    if secret.kind == "certificate":
        return certificates.current_or_new(loaded, secret, current, now)
    if secret.kind == "handed-over":
        return handed.current_or_given(loaded, secret, current)
    if secret.kind == "rotating":
        return rotation.current_or_new(current, new_token, now)
    if current is not None:
        return current
    if secret.kind == "account-key":
        return acme.new_account_key()
    return _ssh_key(loaded.name) if secret.kind == "ssh-key" else new_token()


def _ssh_key(stack: str) -> dict[str, str]:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    return {"private": private.decode(), "public": f"{public.decode()} socle-{stack}"}


def _cipher() -> Any:
    from ansible.parsing.vault import VaultLib, VaultSecret

    return VaultLib([("default", VaultSecret(passphrase.read()))])


def _write(file: Path, values: Mapping[str, Any]) -> None:
    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    write_file(file, _cipher().encrypt(yaml.dump({"secrets": dict(values)}, Dumper=dumper, sort_keys=True)))
