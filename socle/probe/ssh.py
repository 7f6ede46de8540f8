"""The bastion's SSH: its banner, and a host key that is the pinned one, shown by OpenSSH's own key exchange."""

from __future__ import annotations

import re
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

TIMEOUT = 6.0


@dataclass(frozen=True)
class Greeting:
    failure: str
    banner: str = ""
    methods: tuple[str, ...] = ()  # of authentication, as the server offers them to anybody


def greet(address: str, port: int, known_hosts: Path | None, *, timeout: float = TIMEOUT) -> Greeting:
    try:
        with socket.create_connection((address, port), timeout) as connection:
            connection.settimeout(timeout)
            banner = connection.recv(255).split(b"\r\n")[0].decode("ascii", "replace")
    except TimeoutError:
        return Greeting("no answer")
    except OSError as error:
        return Greeting(error.strerror or str(error))
    if not banner.startswith("SSH-2.0-"):
        return Greeting(f"not SSH 2.0: {banner[:40]}", banner)
    if known_hosts is None or not known_hosts.exists():
        return Greeting("no host key was pinned", banner)
    return _key_exchange(address, port, known_hosts, banner, timeout)


def _key_exchange(address: str, port: int, known_hosts: Path, banner: str, timeout: float) -> Greeting:
    """Offers no credential at all: being turned away after the key exchange is the proof."""
    options = {
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "UpdateHostKeys": "no",
        "BatchMode": "yes",
        "PreferredAuthentications": "none",
        "ConnectTimeout": str(int(timeout)),
        "ControlPath": "none",
    }
    flags = [item for key, value in options.items() for item in ("-o", f"{key}={value}")]
    command = ["ssh", "-F", "none", *flags, "-p", str(port), f"nobody@{address}", "true"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=3 * timeout, check=False)
    except FileNotFoundError:
        return Greeting("ssh is not installed on this machine", banner)
    except subprocess.TimeoutExpired:
        return Greeting("key exchange did not end", banner)
    if found := re.search(r"Permission denied \(([^)]*)\)", done.stderr):
        return Greeting("", banner, tuple(found[1].split(",")))
    if "Host key verification failed" in done.stderr or "No ED25519 host key is known" in done.stderr:
        return Greeting("the host key is not the pinned one", banner)
    last = (done.stderr.strip().splitlines() or ["the key exchange failed"])[-1]
    return Greeting(last, banner)
