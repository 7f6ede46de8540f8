"""Who the users are: an OpenID Connect provider, for stacks whose own provider is not at hand.

panva's oidc-provider, which is certified, in Debian's node. It has one client, `visio`, to which each stack that asks
for the group is added, and two users of the lab's own. No service of OpenStack: it is in no catalogue. 75 MB (PSS).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from socle.errors import MachineError
from socle.files import write_file
from socle.lab import access, apis, wiring
from socle.lab.commands import run
from socle.lab.configuration import Common
from socle.lab.layers import Layer
from socle.lab.optional.group import Group
from socle.lab.services import DATA, ETC, Record, service
from socle.lab.wiring import Wiring

SOURCE = Path(__file__).parents[1] / "identity"
PROGRAM = "provider.mjs"
LOCKED = ("package.json", "package-lock.json")
CONFIGURATION = "identity/configuration.json"
HOST = "identity"  # in the lab's domain
CLIENT = "visio"
USERS = ("user-1", "user-2")
ENDPOINTS = {"authorization": "auth", "token": "token", "userinfo": "me", "jwks": "jwks", "logout": "session/end"}
Kept = dict[str, Any]
NOTHING: Kept = {"domains": [], "key": ""}


def api() -> apis.Api:
    return apis.BY_NAME["identity-provider"]


def issuer(where: Wiring) -> str:
    return f"https://{HOST}.{where.domain}:{api().port}"


def is_ours(address: str | None, domain: str) -> bool:
    """Whether an issuer is in the lab's domain."""
    host = urlsplit(address or "").hostname or ""
    return host == domain or host.endswith(f".{domain}")


# --- what is remembered ----------------------------------------------------------------------------------------------


def kept() -> Kept:
    """`domains` of the stacks that asked, `key` that signs (PEM, RSA)."""
    try:
        found: Kept = json.loads(wiring.IDENTITY.read_text())
    except FileNotFoundError:
        return NOTHING
    return found


def remember(domains: Iterable[str]) -> None:
    """Stacks whose users log in here, beside those that the lab knows."""
    known = kept()
    wanted = {**known, "domains": sorted({*known["domains"], *domains})}
    if wanted != known:
        write_file(wiring.IDENTITY, json.dumps(wanted))


def admit(where: Wiring, secrets: Mapping[str, str], domains: Iterable[str]) -> None:
    """More stacks, at a provider that runs."""
    remember(domains)
    if (wiring.ETC / CONFIGURATION).exists() and kept()["key"]:
        write_configuration(where, secrets)


def new_key() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


# --- files -----------------------------------------------------------------------------------------------------------


def files(common: Common) -> dict[str, str]:
    """Its file without a client and a key; `prepare` writes the one that is read."""
    return {CONFIGURATION: json.dumps(configuration(common.where, common.secrets, NOTHING), indent=1)}


def configuration(where: Wiring, secrets: Mapping[str, str], known: Kept) -> dict[str, Any]:
    """What the provider reads. Its clients are read at each use, the rest when it starts."""
    origins = [f"https://{domain}" for domain in known["domains"]]
    client = {
        "client_id": CLIENT,
        "client_secret": secrets["identity_client"],
        "token_endpoint_auth_method": "client_secret_post",
        "redirect_uris": [f"{origin}/api/v1.0/callback/" for origin in origins],
        "post_logout_redirect_uris": [
            address for origin in origins for address in (f"{origin}/api/v1.0/logout-callback/", origin, f"{origin}/")
        ],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "id_token_signed_response_alg": "RS256",
    }
    return {
        "issuer": issuer(where),
        "port": api().local_port,
        "clients": [client] if origins else [],
        "users": users(where, secrets),
        "key": known["key"],
        "cookie_keys": [secrets["identity_cookies"]],
    }


def users(where: Wiring, secrets: Mapping[str, str]) -> list[dict[str, str]]:
    return [
        {
            "sub": f"lab-{name}",
            "email": f"{name}@{where.domain}",
            "given_name": "Essai",
            "usual_name": name.replace("user-", "Numéro "),
            "password": secrets[f"identity_{name}"],
        }
        for name in USERS
    ]


# --- the program -----------------------------------------------------------------------------------------------------


def program() -> Layer:
    """provider.mjs with its packages, as package-lock.json pins them."""
    recipe = "\0".join((SOURCE / name).read_text(encoding="utf-8") for name in (*LOCKED, PROGRAM))

    def build(folder: Path) -> None:
        install(folder)

    return Layer("identity", recipe, build, 0.1)


def install(folder: Path) -> None:
    """Raises SOC-6023 without npm, SOC-6001 where npm cannot install."""
    npm = shutil.which("npm")
    if npm is None:
        raise MachineError("SOC-6023", "npm is needed to install the identity provider", hint="apt-get install npm")
    for name in (*LOCKED, PROGRAM):
        shutil.copy(SOURCE / name, folder / name)
    run([npm, "ci", "--prefix", str(folder), "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"])


def prepare(where: Wiring, secrets: Mapping[str, str]) -> None:
    """Program and configuration, before the process starts; of a process that runs, the next look at its client."""
    known = kept()
    if not known["key"]:
        write_file(wiring.IDENTITY, json.dumps({**known, "key": new_key()}))
    source, target = program().ensure(), wiring.DATA / "identity" / program().digest
    if not target.exists():
        part = target.with_suffix(".part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(source, part, symlinks=True)
        part.rename(target)
    write_configuration(where, secrets)


def write_configuration(where: Wiring, secrets: Mapping[str, str]) -> None:
    wanted = json.dumps(configuration(where, secrets, kept()), indent=1)
    file = wiring.ETC / CONFIGURATION
    if not file.exists() or file.read_text() != wanted:
        write_file(file, wanted)


def rows() -> list[Record]:
    command = ["node", f"{DATA}/identity/{program().digest}/{PROGRAM}", f"{ETC}/{CONFIGURATION}"]
    return [service(api().name, command, ready=f"{api().local}/.well-known/openid-configuration")]


def offer(_cloud: Any, where: Wiring, secrets: Mapping[str, str]) -> None:
    """What who registers a client and its users would hand over; the secret alone too, as a stack file names it."""
    base = issuer(where)
    given = {
        "issuer": base,
        "endpoints": {name: f"{base}/{path}" for name, path in ENDPOINTS.items()},
        "client": CLIENT,
        "client_secret": secrets["identity_client"],
        "users": users(where, secrets),
    }
    access.write_identity(json.dumps(given, indent=1, ensure_ascii=False), secrets["identity_client"])


GROUP = Group("identity", files, rows, ("data/identity",), offer, prepare)
