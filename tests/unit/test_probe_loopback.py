"""The probes against small servers of the tests' own, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import socketserver
import ssl
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_pem_x509_certificate

from socle.probe import pages, ports, ssh, stun, tls
from socle.probe.call import Door
from socle.probe.tunnel import tunnel
from tests import models
from tests.integration.site import authority


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    authority(folder, {"service": ["service.example"]})
    return folder


@contextlib.contextmanager
def served(handle: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server on a free port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):
                handle(self.request)

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def tls_server(pki: Path, oldest: str = "TLSv1_2", answer: bytes = b"") -> Callable[[socket.socket], None]:
    """`answer`: to whatever is asked first; else that is said back."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki / "service.pem", pki / "service.key")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        context.minimum_version = getattr(ssl.TLSVersion, oldest)
    if oldest != "TLSv1_2":
        context.set_ciphers("ALL:@SECLEVEL=0")

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            asked = secure.recv(1024)  # else what is left of it resets the connection
            secure.sendall(answer or asked or b"x")

    return handle


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_a_scan_finds_what_is_open_and_nothing_else() -> None:
    with served(lambda _connection: None) as port:
        around = range(max(1, port - 300), min(65536, port + 300))
        found = ports.scan({"127.0.0.1": around})["127.0.0.1"]
    assert port in found.open
    assert found.complete
    assert found.scanned == len(around)
    assert found.refused > 0


def test_a_scan_stops_at_its_budget_and_says_so() -> None:
    found = ports.scan({"127.0.0.1": range(1, 200)}, budget=-1)["127.0.0.1"]
    assert not found.complete
    assert found.scanned == 0


def test_tls_is_verified_and_old_protocols_are_refused(pki: Path) -> None:
    with served(tls_server(pki)) as port:
        seen = tls.handshake("127.0.0.1", port, "service.example", pki / "ca.pem")
    assert seen.failure == ""
    assert seen.protocol == "TLSv1.3"
    assert seen.names == ("service.example",)
    assert set((seen.old or {}).values()) <= {"refused", "unknown"}
    assert "refused" in (seen.old or {}).values()


def test_a_certificate_says_what_it_is_for(pki: Path) -> None:
    with served(tls_server(pki)) as port:
        seen = tls.handshake("127.0.0.1", port, "service.example", pki / "ca.pem")
    certificate = load_pem_x509_certificate((pki / "service.pem").read_bytes())
    assert seen.fingerprint == certificate.fingerprint(SHA256()).hex()
    assert {*models.HANDSHAKE} <= {*vars(seen)}, "rules are tried on what no probe says"


PAGE = b"HTTP/1.1 404 Not Found\r\nX-Frame-Options: DENY\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("name", "answer", "seen"),
    [
        ("service.example", PAGE, {":status": "404", "x-frame-options": "DENY", "content-length": "0"}),
        ("other.example", PAGE, None),
        ("service.example", b"no HTTP", None),
    ],
)
def test_headers_are_read_over_verified_tls_alone(
    pki: Path, name: str, answer: bytes, seen: dict[str, str] | None
) -> None:
    with served(tls_server(pki, answer=answer)) as port:
        assert pages.headers("127.0.0.1", port, name, pki / "ca.pem") == seen
    assert pages.headers("127.0.0.1", closed_port(), name, pki / "ca.pem") is None


def test_tls_that_accepts_an_old_protocol_fails(pki: Path) -> None:
    with served(tls_server(pki, "TLSv1")) as port:
        seen = tls.handshake("127.0.0.1", port, "service.example", pki / "ca.pem")
    if set((seen.old or {}).values()) == {"unknown"}:
        pytest.skip("this machine's OpenSSL speaks no old protocol")
    assert "accepts TLSv1" in seen.failure


@pytest.mark.parametrize(
    ("name", "own", "reason"), [("other.example", True, "mismatch"), ("service.example", False, "")]
)
def test_tls_of_another_name_or_authority_fails(pki: Path, name: str, own: bool, reason: str) -> None:
    with served(tls_server(pki)) as port:
        seen = tls.handshake("127.0.0.1", port, name, pki / "ca.pem" if own else None)
    assert seen.failure.startswith("certificate refused")
    assert reason in seen.failure


def test_a_port_without_tls_fails(pki: Path) -> None:
    with served(lambda connection: connection.sendall(b"SSH-2.0-x\r\n")) as port:
        assert tls.handshake("127.0.0.1", port, "service.example", pki / "ca.pem").failure
    assert "refused" in tls.handshake("127.0.0.1", closed_port(), "service.example", None).failure


def test_ssh_needs_a_banner_and_a_pinned_key(tmp_path: Path) -> None:
    with served(lambda connection: connection.sendall(b"220 mail\r\n")) as port:
        assert ssh.greet("127.0.0.1", port, None).failure.startswith("not SSH 2.0")
    with served(lambda connection: connection.sendall(b"SSH-2.0-test\r\n")) as port:
        seen = ssh.greet("127.0.0.1", port, tmp_path / "none")
        assert (seen.failure, seen.banner) == ("no host key was pinned", "SSH-2.0-test")
        known = tmp_path / "known_hosts"
        known.write_text("")
        assert ssh.greet("127.0.0.1", port, known).failure
    assert "refused" in ssh.greet("127.0.0.1", closed_port(), None).failure


def test_stun_over_udp_names_our_address() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def answer() -> None:
            packet, who = server.recvfrom(2048)
            port = (who[1] ^ (stun.COOKIE >> 16)).to_bytes(2, "big")
            number = (int.from_bytes(socket.inet_aton(who[0]), "big") ^ stun.COOKIE).to_bytes(4, "big")
            server.sendto(b"\1\1\0\x0c" + packet[4:20] + b"\0\x20\0\x08\0\1" + port + number, who)

        thread = threading.Thread(target=answer)
        thread.start()
        seen = stun.binding("127.0.0.1", server.getsockname()[1])
        thread.join()
    assert seen.failure == ""
    assert seen.mapped.startswith("127.0.0.1:")


def test_stun_without_a_server_fails() -> None:
    assert stun.binding("127.0.0.1", closed_port()).failure


def test_the_tunnel_verifies_the_name(pki: Path) -> None:
    async def through(name: str, port: int) -> tuple[bytes, list[str], list[str]]:
        async with tunnel(Door(name, "127.0.0.1", port), pki / "ca.pem") as state:
            reader, writer = await asyncio.open_connection("127.0.0.1", state.port)
            writer.write(b"ping")
            with contextlib.suppress(OSError):
                await writer.drain()
            got = await asyncio.wait_for(reader.read(64), 5)
            writer.close()
            return got, list(state.handshakes), list(state.failures)

    with served(tls_server(pki)) as port:
        assert asyncio.run(through("service.example", port)) == (b"ping", ["TLSv1.3"], [])
        got, shakes, failures = asyncio.run(through("other.example", port))
    assert (got, shakes) == (b"", [])
    assert "other.example" in failures[0]
