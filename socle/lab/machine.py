"""What the host says about itself: package sources, certificates, name servers, the way out. Read at run time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from socle.errors import MachineError
from socle.lab.commands import run
from socle.messages import _

SUITE = "trixie"
RESOLVERS = (Path("/etc/resolv.conf"), Path("/run/systemd/resolve/resolv.conf"))
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
OVERHEAD = 58  # bytes that geneve over IPv4 adds
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


@dataclass(frozen=True)
class Machine:
    """debian: {"debian": URI, "debian-security": URI} of the host's own apt; mtu: of the default route's device."""

    debian: dict[str, str]
    apt_proxy: str
    resolvers: tuple[str, ...]
    mtu: int
    pip: dict[str, str]
    bundle: Path | None

    def apt_lines(self) -> list[str]:
        main, security = self.debian["debian"], self.debian["debian-security"]
        return [
            f"deb {main} {SUITE} main",
            f"deb {main} {SUITE}-updates main",
            f"deb {security} {SUITE}-security main",
        ]


def read() -> Machine:
    uris = run(["apt-get", "indextargets", "--format", "$(REPO_URI)"]).split()
    proxy = run(["apt-config", "dump", "--format", "%v", "Acquire::http::Proxy"]).strip()
    return Machine(
        debian={name: debian_uri(uris, name) for name in ("debian", "debian-security")},
        apt_proxy=proxy if proxy not in ("", "DIRECT") else "",
        resolvers=resolvers(),
        mtu=way_out_mtu(),
        pip=pip_settings(),
        bundle=BUNDLE if BUNDLE.exists() else None,
    )


def debian_uri(uris: list[str], name: str) -> str:
    """The host's own source of `debian` or `debian-security`; no other is known. Raises MachineError (SOC-6014)."""
    for uri in uris:
        if uri.rstrip("/").endswith(f"/{name}"):
            return uri.rstrip("/")
    hint = _("add a source of Debian packages to apt, then: apt-get update")
    raise MachineError("SOC-6014", "apt on this machine has no source of: {name}", hint=hint, name=name)


def resolvers() -> tuple[str, ...]:
    """Name servers of the host that another network namespace can reach."""
    for file in RESOLVERS:
        if file.exists():
            words = [line.split() for line in file.read_text().splitlines()]
            found = tuple(w[1] for w in words if len(w) > 1 and w[0] == "nameserver" and usable(w[1]))
            if found:
                return found
    return ()


def usable(address: str) -> bool:
    return not address.startswith("127.") and ":" not in address


def way_out_mtu() -> int:
    """Of the device of the default route, at most 1500; 1500 without a way out."""
    routes = json.loads(run(["ip", "-json", "route", "show", "default"]) or "[]")
    sizes = []
    for route in routes:
        links = json.loads(run(["ip", "-json", "link", "show", "dev", route["dev"]]))
        sizes += [int(link["mtu"]) for link in links]
    return min([1500, *sizes])


def pip_settings() -> dict[str, str]:
    """The host's pip configuration as environment: variables and files alike (`pip config list`)."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    found = {}
    for line in listed.splitlines():
        key, _sign, value = line.partition("=")
        section, _dot, name = key.strip().rpartition(".")
        if section in ("global", ":env:", "install"):
            found["PIP_" + name.upper().replace("-", "_")] = value.strip().strip("'\"").replace("\\n", " ")
    found.update({name: value for name, value in os.environ.items() if name.startswith("PIP_")})
    links = found.pop("PIP_FIND_LINKS", "")
    if links.startswith(("http://", "https://")):  # a folder of the host is not seen from inside
        found["PIP_FIND_LINKS"] = links
    if found.get("PIP_CERT"):
        found["PIP_CERT"] = str(BUNDLE)
    for name in ("http_proxy", "https_proxy", "no_proxy"):
        if proxy := os.environ.get(name) or os.environ.get(name.upper()):
            found[name] = proxy
    return found


def require_debian_keys() -> None:
    if not KEYRING.exists():
        raise MachineError(
            "SOC-6002",
            _("the keys of the Debian archive are missing: {path}").format(path=KEYRING),
            hint="apt-get install debian-archive-keyring",
        )
