"""The folder that an operator gets: credentials, certificates, keys, image overlay. 0700, files 0600."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from socle.files import write_file
from socle.lab import surroundings, wiring
from socle.lab.wiring import ACCESS, Wiring

CERTIFICATE = ACCESS / "ca.pem"
KEY = ACCESS / "ca.key"
S3 = ACCESS / "s3.credentials"
IMAGES = ACCESS / "images.yaml"
IDENTITY = ACCESS / "identity.json"  # the provider's endpoints, its client and its users
CLIENT_SECRET = ACCESS / "oidc.secret"


def owner() -> tuple[int, int]:
    """Who called, through sudo or not."""
    return int(os.environ.get("SUDO_UID", os.getuid())), int(os.environ.get("SUDO_GID", os.getgid()))


def prepare() -> None:
    wiring.HOME.mkdir(parents=True, exist_ok=True)
    wiring.HOME.chmod(0o711)  # the access folder is reached through it, nothing else is seen
    ACCESS.mkdir(exist_ok=True)
    ACCESS.chmod(0o700)


def clouds(where: Wiring, identity: str, secret: str) -> dict[str, Any]:
    """clouds.yaml with an application credential: it names its user and project itself."""
    cloud = {
        "auth_type": "v3applicationcredential",
        "auth": {
            "auth_url": f"https://{where.services}:5000/v3",
            "application_credential_id": identity,
            "application_credential_secret": secret,
        },
        "region_name": where.region,
        "cacert": str(CERTIFICATE),
        "identity_api_version": 3,
        "interface": "public",
    }
    return {"clouds": {"lab": cloud}}


def write(where: Wiring, secrets: Mapping[str, str], identity: str, secret: str) -> None:
    """The operator's files; `identity` and `secret` are of the application credential."""
    import yaml

    write_file(ACCESS / "clouds.yaml", yaml.safe_dump(clouds(where, identity, secret), sort_keys=False))
    write_file(ACCESS / "dns.key", surroundings.tsig_key(secrets))
    hand_over()


def write_s3(key: str, secret: str) -> None:
    """In the notation of every S3 client: AWS_SHARED_CREDENTIALS_FILE names it."""
    write_file(S3, f"[default]\naws_access_key_id = {key}\naws_secret_access_key = {secret}\n")
    hand_over()


def write_images(text: str) -> None:
    """The overlay of releases: digests of the images in the lab's registry."""
    write_file(IMAGES, text)
    hand_over()


def write_identity(text: str, client_secret: str) -> None:
    """Whom a stack in the lab lets in, and the secret of its client as a file of its own."""
    write_file(IDENTITY, text)
    write_file(CLIENT_SECRET, f"{client_secret}\n")
    hand_over()


def hand_over() -> None:
    """Everything in the folder belongs to who called."""
    uid, gid = owner()
    for path in (ACCESS, *ACCESS.iterdir()):
        with suppress(FileNotFoundError):  # another thread's, still under its first name
            os.chown(path, uid, gid)
            if path.is_file():
                path.chmod(0o600)
