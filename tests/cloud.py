"""A cloud that answers what a test tells it to: the OpenStack APIs that the tool asks, over TLS on 127.0.0.1."""

from __future__ import annotations

import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest

from socle.codes import CODES
from socle.engine import access
from socle.errors import CloudError
from socle.lab.authority import ensure_authority, services_certificate

PROJECT = "d0c8f955c0aff4efa988ce130f06924a"
REGION = "paris-1"


# Type in the catalogue -> where it answers.
ENDPOINTS = {
    "compute": "compute/v2.1", "network": "network", "image": "image", "volumev3": "volume/v3",
    "load-balancer": "lb", "dns": "dns", "object-store": "objects/v1/AUTH_p", "key-manager": "keys",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """`fault`: how the answer goes wrong on its way.

    reset: hung up without one. silence: none. cut: half of one, then hung up. stalled: half of one, then silence.
    garbled: half of one, said to be the whole.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    fault: Literal["", "reset", "silence", "cut", "stalled", "garbled"] = ""

    def __str__(self) -> str:
        return self.fault or " ".join([str(self.status), *self.headers.values()])


def error(status: int, message: str = "the reason", **headers: str) -> Answer:
    """As Nova words it: the name of the fault around code and message."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"fault": {"code": status, "message": message}}, named)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Who hangs up, or does not trust the certificate, is part of the tests."""


class Cloud:
    """`script` adds answers of a call, used up before the usual ones. `asked`: the calls, in their order. `without`:
    types of services that its catalogue lacks, from `forget` on."""

    def __init__(self, folder: Path) -> None:
        self.without: frozenset[str] = frozenset()
        self.asked: list[str]
        self.bodies: list[bytes]
        self._scripts: list[tuple[re.Pattern[str], list[Answer]]]
        self._usual: list[tuple[re.Pattern[str], Answer]]
        self._closing = threading.Event()
        self.authority = folder / "ca.pem"
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._server.socket = _tls(folder, self.authority).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.forget()

    def __enter__(self) -> Cloud:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def forget(self, *, without: Iterable[str] = ()) -> None:
        """As it was before anything was asked or scripted."""
        self.without = frozenset(without)
        self.asked, self.bodies, self._scripts, self._usual = [], [], [], []
        self._furnish()

    def script(self, call: str, *answers: Answer, times: int = 1) -> None:
        """`call`: a pattern of `METHOD /path`."""
        self._scripts.append((re.compile(call), list(answers) * times))

    def usual(self, call: str, body: Any) -> None:
        self._usual.insert(0, (re.compile(call), Answer(body=body)))

    def count(self, call: str) -> int:
        return sum(1 for one in self.asked if re.search(call, one))

    def answer(self, call: str) -> Answer:
        self.asked.append(call)
        for pattern, answers in self._scripts:
            if answers and pattern.search(call):
                return answers.pop(0)
        return next((one for pattern, one in self._usual if pattern.search(call)), error(404, "no such thing"))

    def _furnish(self) -> None:
        """A small project in which there is room and nothing else."""
        catalogue = [
            {"type": kind, "name": kind, "id": kind, "endpoints": [self._endpoint(path)]}
            for kind, path in ENDPOINTS.items()
            if kind not in self.without
        ]
        token = {
            "methods": ["password"],
            "user": {"id": "u", "name": "operator", "domain": {"id": "default", "name": "Default"}},
            "project": {"id": PROJECT, "name": "visio", "domain": {"id": "default", "name": "Default"}},
            "roles": [{"id": "r", "name": "member"}],
            "catalog": catalogue,
            "issued_at": "2026-11-24T00:00:00.000000Z",
            "expires_at": "2126-11-24T00:00:00.000000Z",
        }
        self._usual.append(
            (re.compile("^POST /v3/auth/tokens$"), Answer(201, {"token": token}, {"X-Subject-Token": "t"}))
        )
        versions = {"/v3": "v3.14", "/compute/v2.1": "v2.1", "/network/v2.0": "v2.0", "/image/v2": "v2.9",
                    "/volume/v3": "v3.0", "/lb/v2.0": "v2.26", "/dns/v2": "v2.1", "/keys/v1": "v1.1"}  # fmt: skip
        for path, version in versions.items():
            self.usual(f"^GET {path}/?$", {"version": self._version(path, version)})
        for base, path in (
            ("/network", "/network/v2.0"), ("/image", "/image/v2"), ("/lb", "/lb/v2.0"), ("/dns", "/dns/v2"),
            ("/keys", "/keys/v1"),
        ):  # fmt: skip
            self.usual(f"^GET {base}/?$", {"versions": [self._version(path, versions[path])]})
        for call, key in (
            ("compute/v2.1/servers/detail", "servers"), ("compute/v2.1/os-server-groups", "server_groups"),
            ("compute/v2.1/os-keypairs", "keypairs"), ("volume/v3/volumes/detail", "volumes"),
            ("network/v2.0/networks", "networks"), ("network/v2.0/subnets", "subnets"),
            ("network/v2.0/routers", "routers"), ("network/v2.0/security-groups", "security_groups"),
            ("network/v2.0/security-group-rules", "security_group_rules"), ("network/v2.0/floatingips", "floatingips"),
            ("network/v2.0/ports", "ports"), ("image/v2/images", "images"), ("compute/v2.1/flavors/detail", "flavors"),
            ("lb/v2.0/lbaas/loadbalancers", "loadbalancers"), ("lb/v2.0/lbaas/listeners", "listeners"),
            ("lb/v2.0/lbaas/pools", "pools"), ("lb/v2.0/lbaas/healthmonitors", "healthmonitors"),
            ("dns/v2/zones", "zones"),
            ("volume/v3/types", "volume_types"), ("volume/v3/os-availability-zone", "availabilityZoneInfo"),
            ("compute/v2.1/os-availability-zone", "availabilityZoneInfo"),
        ):  # fmt: skip
            self.usual(f"^GET /{call}$", {key: []})
        self.usual("^GET /objects/v1/AUTH_p/?$", [])
        self.usual("^GET /compute/v2.1/limits$", {"limits": {"absolute": {"maxTotalCores": 100, "totalCoresUsed": 0}}})
        self.usual("^GET /volume/v3/limits$", {"limits": {"absolute": {"maxTotalVolumes": 10, "totalVolumesUsed": 0}}})
        quota = {"networks": {"limit": 10, "used": 0, "reserved": 0}}
        self.usual("^GET /network/v2.0/quotas/[^/]+/details(.json)?$", {"quota": quota})
        self._usual.insert(0, (re.compile("^DELETE "), Answer(204)))

    def _endpoint(self, path: str) -> dict[str, str]:
        url = f"{self.url}/{path}"
        return {"interface": "public", "region": REGION, "region_id": REGION, "url": url, "id": path}

    def _version(self, path: str, version: str) -> dict[str, Any]:
        links = [{"rel": "self", "href": f"{self.url}{path}/"}]
        return {"id": version, "status": "CURRENT", "version": "", "min_version": "", "links": links}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        cloud = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in one piece: two would wait for each other (Nagle)

            def handle_any(self) -> None:
                cloud.bodies.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
                answer = cloud.answer(f"{self.command} {urlsplit(self.path).path}")
                if answer.fault == "silence":
                    cloud._closing.wait(30)
                if answer.fault in ("reset", "silence"):
                    return self.hang_up(reset=True)
                raw = b"" if answer.body is None else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                self.send_header("Content-Type", "application/json")
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                sent = raw[: len(raw) // 2] if answer.fault else raw
                self.send_header("Content-Length", str(len(raw) if answer.fault in ("cut", "stalled") else len(sent)))
                self.end_headers()
                self.wfile.write(sent)
                self.wfile.flush()
                if answer.fault == "stalled":
                    cloud._closing.wait(30)
                if answer.fault in ("cut", "stalled"):
                    self.hang_up(reset=False)
                return None

            def hang_up(self, *, reset: bool) -> None:
                self.close_connection = True
                if reset:
                    self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = handle_any

            def log_message(self, format: str, *args: object) -> None:
                pass

        return Handler


def _tls(folder: Path, authority: Path) -> ssl.SSLContext:
    key, both = folder / "ca.key", folder / "cloud.pem"
    ensure_authority(authority, key)
    names: Any = SimpleNamespace(names=["cloud.test"], services="127.0.0.1")
    services_certificate(authority, key, names, both)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context


@dataclass
class Clock:
    """Time passes where somebody sleeps, and at once."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


def refusal(step: Callable[[], object]) -> CloudError:
    with pytest.raises(CloudError) as caught, access.cloud_errors():
        step()
    assert caught.value.code in CODES
    assert caught.value.exit_code == 4
    assert caught.value.hint
    return caught.value
