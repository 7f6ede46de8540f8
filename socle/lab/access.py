"""The folder that an operator gets: credentials, certificates, keys, image overlay. 0700, files 0600."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from socle.files import write_file
from socle.lab import surroundings, wiring
from socle.lab.wiring import ACCESS, Wiring

CERTIFICATE = ACCESS / "ca.pem"
KEY = ACCESS / "ca.key"
IMAGES = ACCESS / "images.yaml"


def owner() -> tuple[int, int]:
    """Who called, through sudo or not."""
    return int(os.environ.get("SUDO_UID", os.getuid())), int(os.environ.get("SUDO_GID", os.getgid()))


def prepare() -> None:
    wiring.HOME.mkdir(parents=True, exist_ok=True)
    wiring.HOME.chmod(0o711)  # the access folder is reached through it, nothing else is seen
    ACCESS.mkdir(exist_ok=True)
    ACCESS.chmod(0o700)


def clouds(where: Wiring, password: str) -> dict[str, Any]:
    auth = {
        "auth_url": f"https://{where.services}:5000/v3",
        "username": where.project,
        "password": password,
        "project_name": where.project,
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }
    cloud = {
        "auth": auth,
        "region_name": where.region,
        "cacert": str(CERTIFICATE),
        "identity_api_version": 3,
        "interface": "public",
    }
    return {"clouds": {"lab": cloud}}


def write(where: Wiring, secrets: Mapping[str, str]) -> None:
    import yaml

    write_file(ACCESS / "clouds.yaml", yaml.safe_dump(clouds(where, secrets["operator"]), sort_keys=False))
    write_file(ACCESS / "dns.key", surroundings.tsig_key(secrets))
    hand_over()


def hand_over() -> None:
    """Everything in the folder belongs to who called."""
    uid, gid = owner()
    for path in (ACCESS, *ACCESS.iterdir()):
        os.chown(path, uid, gid)
        if path.is_file():
            Path(path).chmod(0o600)
