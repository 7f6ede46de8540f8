"""A real ACME authority (pebble, of Let's Encrypt) and a real name server (Debian's BIND), in a network of their own.

Pebble is built from its Go module, pinned beside this file; it looks for proofs where BIND answers, and nowhere else.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import socket
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import dns.exception
import dns.message
import dns.query

from socle.nodes import certificates
from socle.stack import load_stack
from socle.stack.cloud import Certificates, DnsUpdate, Issuer
from socle.stack.load import LoadedStack
from socle.topology.model import Secret
from tests import golang
from tests.integration.machine import NEW_NETWORK, made_once
from tests.integration.nodes import ROOT, sh, until

MODULE = Path(__file__).with_name("pebble")
SECOND = "127.0.0.2"  # a name server that the zone names too
AT = "127.0.0.1"  # of a network that holds nothing else: port 53 is what the stack's flows say
DIRECTORY, MANAGEMENT = f"https://{AT}:14000/dir", f"{AT}:15000"
CUSTOMER = {"kid-1": secrets.token_urlsafe(48)}
CALLED = "authority.example"  # by itself, in CAA records
LIFETIME = 90 * 24 * 3600  # seconds
ZONE = "exemple.example"
TSIG = b64encode(secrets.token_bytes(32)).decode()
NAMED = f"""options {{
  directory "."; listen-on port 53 {{ {AT}; }}; listen-on-v6 {{ none; }}; pid-file none; session-keyfile none;
  recursion no; dnssec-validation no; notify no; allow-transfer {{ none; }}; managed-keys-directory ".";
}};
controls {{ }};
key "socle" {{ algorithm hmac-sha256; secret "{TSIG}"; }};
zone "{ZONE}" {{ type primary; file "zone"; update-policy {{ grant socle zonesub ANY; }}; }};
"""


def why_not() -> str:
    if os.geteuid() != 0:
        return "a network of its own needs root"
    return "" if shutil.which("mmdebstrap") else "not installed: mmdebstrap"


def pebble() -> Path:
    return golang.program(MODULE, "github.com/letsencrypt/pebble/v2/cmd/pebble")


def named() -> list[str]:
    """Debian's, unpacked beside this machine's programs and run with the libraries that came along."""
    root = made_once(ROOT.with_name("names"), "extract", ("bind9",))
    libraries = root / "usr/lib/x86_64-linux-gnu"
    return [str(next(libraries.glob("ld-linux*"))), "--library-path", str(libraries), str(root / "usr/sbin/named")]


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """For this thread and what it starts: loopback alone."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/net").open() as before:
        if libc.unshare(NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "unshare")
        try:
            sh("ip", "link", "set", "lo", "up")
            sh("ip", "addr", "add", f"{SECOND}/8", "dev", "lo")
            yield
        finally:
            if libc.setns(before.fileno(), NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns")


@dataclass
class Authority:
    """`SETTING`: it looks for proofs at once, and takes every nonce: of twenty it would refuse one to try clients, and
    the client's library asks anew once."""

    SETTING: ClassVar = {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_WFE_NONCEREJECT": "0"}

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def names_answer(self) -> None:
        (self.folder / "named.conf").write_text(NAMED)
        head = f"$TTL 1\n@ SOA ns.{ZONE}. hostmaster.{ZONE}. 1 300 60 86400 1\n@ NS ns.{ZONE}.\n"
        head += f"ns A {AT}\nsecond A {SECOND}\n"
        (self.folder / "zone").write_text(head)
        (self.folder / "dns.key").write_text(f'key "socle" {{ algorithm hmac-sha256; secret "{TSIG}"; }};\n')
        self._start("named", [*named(), "-g", "-c", str(self.folder / "named.conf")])
        until(lambda: self._answers(AT), self._log("named"), 20)

    def _answers(self, server: str) -> bool:
        with contextlib.suppress(dns.exception.DNSException):
            return bool(dns.query.udp(dns.message.make_query(ZONE, "SOA"), server, timeout=1).answer)
        return False

    def lags(self) -> None:
        """The second name server answers, from a copy of the zone that nobody refreshes."""
        folder = self.folder / "second"
        folder.mkdir(exist_ok=True)
        (folder / "zone").write_text((self.folder / "zone").read_text())
        (folder / "named.conf").write_text(NAMED.replace(AT, SECOND).replace('directory "."', f'directory "{folder}"'))
        self._start("second", [*named(), "-g", "-c", str(folder / "named.conf")])
        until(lambda: self._answers(SECOND), self._log("second"), 20)

    def signs(self, *, customers: bool = False) -> None:
        """Anew: it has forgotten every account. `customers`: it serves those alone whom it gave a key."""
        self.stop("pebble")
        settings: dict[str, Any] = {
            "listenAddress": f"{AT}:14000", "managementListenAddress": MANAGEMENT, "httpPort": 5002, "tlsPort": 5001,
            "certificate": str(self.folder / "tls.pem"), "privateKey": str(self.folder / "tls.key"),
            "caaIdentities": [CALLED], "retryAfter": {"authz": 1, "order": 1}, "keyAlgorithm": "ecdsa",
            "domainBlocklist": [f"blocked.{ZONE}"],
            "profiles": {"default": {"description": "-", "validityPeriod": LIFETIME}},
            "externalAccountBindingRequired": customers, "externalAccountMACKeys": CUSTOMER if customers else {},
        }  # fmt: skip
        (self.folder / "pebble.json").write_text(json.dumps({"pebble": settings}))
        (self.folder / "pebble.log").unlink(missing_ok=True)
        command = [str(pebble()), "-config", str(self.folder / "pebble.json"), "-dnsserver", f"{AT}:53", "-strict"]
        self._start("pebble", command)

        def listens() -> bool:
            socket.create_connection((AT, 14000), 1).close()
            return True

        until(listens, self._log("pebble"), 20)

    def has_a_certificate(self, issuer: Issuer) -> None:
        """Of its own address: the one that pebble brings is for names."""
        secret, key = Secret("directory", "certificate", (), (AT,)), certificates._new_key()
        authority, signer = Path(issuer.certificate), Path(issuer.key)
        (self.folder / "tls.pem").write_text(certificates._signed(secret, key, authority, signer, datetime.now(UTC)))
        (self.folder / "tls.key").write_text(certificates._pem(key))

    def _start(self, name: str, command: Sequence[str]) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=self.folder, stdout=log, stderr=log, env={**os.environ, **self.SETTING}
            )

    def _log(self, name: str) -> str:
        return f"{name}, whose log is {self.folder / name}.log"

    def said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def stop(self, name: str) -> None:
        if process := self.processes.pop(name, None):
            process.kill()
            process.wait()

    def close(self) -> None:
        for name in list(self.processes):
            self.stop(name)


def stack(file: Path, authority: Authority, issuer: Issuer) -> LoadedStack:
    """Its cloud signs nodes' certificates itself, and has its names kept by the authority's name server."""
    loaded = load_stack(str(file))
    keeping = {"update": "rfc2136", "server": AT, "key_file": str(authority.folder / "dns.key")}
    changes = {"dns": DnsUpdate.model_validate(keeping), "certificates": Certificates(issuer=issuer)}
    return replace(loaded, cloud=loaded.cloud.model_copy(update=changes))
