"""A small service of our own for the probes: LiveKit, coturn and a TLS front on the demo's addresses and ports.

Runs in network namespaces of its own (`unshare --map-root-user --net`), so it needs no root and no free port, and
every packet really crosses a network. `python -m tests.integration.site SCENARIO LIVEKIT` prints a report as JSON;
SCENARIO: all | native | no-relay | no-media | open-port; LIVEKIT: the server's program.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import os
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Any

from socle.probe.call import Client
from socle.probe.model import Spot, Target
from socle.probe.sockets import Listener
from socle.probe.verify import run
from socle.stack import load_stack
from socle.topology import derive

EDGE, MEDIA, TURN = (f"198.51.100.{n}" for n in (11, 12, 13))
NODES = {"edge": EDGE, "media": MEDIA, "turn": TURN}
PEERS = ("--denied-peer-ip=0.0.0.0-255.255.255.255", f"--allowed-peer-ip={MEDIA}")
INNER_EDGE, INNER_MEDIA = "10.64.2.2", "10.64.2.10"
KEY, SECRET, TURN_SECRET = "sitekey", "s" * 40, "t" * 40


def sh(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def authority(folder: Path, names: dict[str, list[str]]) -> Path:
    """A CA, and a certificate for each set of names or addresses."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    now = datetime.datetime.now(datetime.UTC)

    def named(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    def signed(subject: str, key: Any, issuer: Any, issuer_key: Any, extension: Any, is_ca: bool) -> Any:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer or name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(x509.BasicConstraints(is_ca, None), critical=True)
        )
        if extension:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(issuer_key, hashes.SHA256())

    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = signed("Site CA", ca_key, None, ca_key, None, True)
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for file, own in names.items():
        key = ec.generate_private_key(ec.SECP256R1())
        san = x509.SubjectAlternativeName([named(name) for name in own])
        made = signed(own[0], key, ca.subject, ca_key, san, False)
        (folder / f"{file}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / f"{file}.key").write_bytes(text)
    return folder / "ca.pem"


class Site:
    """The service's side: a namespace per node, each held by a sleeping process, and the servers in them.

    Packets between nodes, and between them and the operator, are forwarded by the operator's namespace; the front
    reaches the media node's own address by a link that the operator does not see.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.holders: dict[str, subprocess.Popen[bytes]] = {}
        self.servers: dict[str, subprocess.Popen[bytes]] = {}
        sh("ip", "link", "set", "lo", "up")
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
        for number, (name, address) in enumerate(NODES.items()):
            self._node(name, address, f"198.18.0.{4 * number}")
        self.ip("edge", "link add inner type veth peer name inner netns", str(self.holders["media"].pid))
        for name, address in (("edge", INNER_EDGE), ("media", INNER_MEDIA)):
            self.ip(name, f"addr add {address}/24 dev inner")
            self.ip(name, "link set inner up")

    def _node(self, name: str, address: str, block: str) -> None:
        mine = Path("/proc/self/ns/net").readlink()
        holder = self.holders[name] = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        wait_for(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != mine, "the namespace")
        stem, last = block.rsplit(".", 1)
        here, there = f"{stem}.{int(last) + 1}", f"{stem}.{int(last) + 2}"
        sh("ip", "link", "add", f"to-{name}", "type", "veth", "peer", "name", "out", "netns", str(holder.pid))
        sh("ip", "addr", "add", f"{here}/30", "dev", f"to-{name}")
        sh("ip", "link", "set", f"to-{name}", "up")
        for command in (
            "link set lo up",
            f"addr add {there}/30 dev out",
            "link set out up",
            f"addr add {address}/32 dev out",
        ):
            self.ip(name, command)
        self.ip(name, f"route add default via {here} src {address}")
        sh("ip", "route", "add", f"{address}/32", "via", there)

    def inside(self, name: str) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.holders[name].pid}/ns/net")

    def ip(self, name: str, command: str, *more: str) -> None:
        sh(*self.inside(name), "ip", *command.split(), *more)

    def start(self, name: str, node: str, *command: str) -> None:
        log = (self.folder / f"{name}.log").open("wb")
        self.servers[name] = subprocess.Popen([*self.inside(node), *command], stdout=log, stderr=log)

    def stop(self, name: str) -> None:
        server = self.servers.pop(name)
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()

    def close(self) -> None:
        for name in list(self.servers):
            self.stop(name)
        for holder in self.holders.values():
            holder.kill()
            holder.wait()

    def listening(self) -> dict[str, list[Listener] | str]:
        """What `ss` says in each node; their SSH server is made up, as nothing here needs one."""
        found: dict[str, list[Listener] | str] = {}
        for name in NODES:
            command = [*self.inside(name), "ss", "-Hlntu"]
            lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
            sockets = [Listener("tcp", "0.0.0.0", 22)]
            for line in lines:
                protocol, _state, _received, _sent, local = line.split()[:5]
                address, _colon, port = local.rpartition(":")
                sockets.append(Listener(protocol, address.strip("[]"), int(port)))
            found[name] = sockets
        return found


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if condition():
                return
        time.sleep(0.05)
    raise TimeoutError(what)


def serve(site: Site, domain: str, livekit: str, peers: tuple[str, ...]) -> None:
    folder = site.folder
    config = {
        "port": 7880,
        "bind_addresses": [INNER_MEDIA],
        "keys": {KEY: SECRET},
        "rtc": {
            "node_ip": MEDIA,
            "use_external_ip": False,
            "tcp_port": 7881,
            "udp_port": "7882-7892",
            "ips": {"includes": [f"{MEDIA}/32"]},
            "turn_servers": [
                {"host": f"turn.{domain}", "port": 443, "protocol": "tls", "secret": TURN_SECRET},
                {"host": f"turn.{domain}", "port": 3478, "protocol": "udp", "secret": TURN_SECRET},
            ],
            "stun_servers": [f"turn.{domain}:3478"],
        },
        "limit": {"num_tracks": -1},
    }
    (folder / "livekit.yaml").write_text(json.dumps(config))  # JSON is YAML
    site.start("livekit", "media", livekit, "--config", str(folder / "livekit.yaml"))
    site.start(
        "coturn", "turn", "turnserver", "-n", "--no-cli", "--no-tcp", "--no-dtls", "--log-file=stdout",
        "--listening-port=3478", "--tls-listening-port=443", f"--listening-ip={TURN}", f"--relay-ip={TURN}",
        "--use-auth-secret", f"--static-auth-secret={TURN_SECRET}", f"--realm={domain}", f"--cert={folder}/turn.pem",
        f"--pkey={folder}/turn.key", "--no-tlsv1", "--no-tlsv1_1", "--min-port=49152", "--max-port=65535",
        "--no-multicast-peers", *peers, f"--pidfile={folder}/turn.pid", f"--userdb={folder}/turn.db",
    )  # fmt: skip
    site.start("edge", "edge", sys.executable, "-m", "tests.integration.site", "edge", str(folder))


async def edge(folder: Path) -> None:
    """TLS in front of LiveKit's signalling, byte for byte."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(folder / "edge.pem", folder / "edge.key")

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(INNER_MEDIA, 7880)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    server = await asyncio.start_server(carry, EDGE, 443, ssl=context)
    await server.serve_forever()


@contextlib.contextmanager
def running(livekit: str, peers: tuple[str, ...] = PEERS) -> Iterator[tuple[Site, Target]]:
    topology = derive(load_stack("demo"))
    domain = topology.domain
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        ca = authority(folder, {"edge": [domain, f"livekit.{domain}"], "turn": [f"turn.{domain}"]})
        site = Site(folder)
        try:
            serve(site, domain, livekit, peers)
            spots = tuple(Spot(name, name, address, address) for name, address in NODES.items())
            target = Target(
                topology, spots, ca, (IPv4Network("198.18.0.1/32"),), True,
                api_key=KEY, api_secret=SECRET, turn_secret=TURN_SECRET,
            )  # fmt: skip
            wait_for(lambda: all(answers(*where) for where in ((EDGE, 443), (MEDIA, 7881), (TURN, 443))), "the site")
            yield site, target
        finally:
            if os.environ.get("SITE_LOGS"):
                for log in folder.glob("*.log"):
                    sys.stderr.write(f"--- {log.name}\n{log.read_text(errors='replace')[-6000:]}\n")
            site.close()


def answers(address: str, port: int) -> bool:
    import socket

    with socket.create_connection((address, port), 1):
        return True


def client(native: bool) -> Client:
    from socle.probe import chromium
    from socle.probe.native import Native

    program = None if native else chromium.find()
    return chromium.Chromium(program, chromium.web_client()) if program else Native()


def main(scenario: str, livekit: str) -> None:
    with running(livekit, () if scenario == "open-port" else PEERS) as (site, target):
        if scenario == "no-relay":
            site.stop("coturn")
        elif scenario == "no-media":
            site.stop("livekit")
        elif scenario == "open-port":
            site.start("stray", "media", sys.executable, "-m", "http.server", "--bind", MEDIA, "41234")
            wait_for(lambda: answers(MEDIA, 41234), "the stray server")
        who = client(native=scenario == "native")
        report = run(target, who, site.listening, calls_only=scenario == "native", say=lambda text: None)
    sys.stdout.write(json.dumps(report.document()))


if __name__ == "__main__":
    if sys.argv[1] == "edge":
        asyncio.run(edge(Path(sys.argv[2])))
    else:
        main(sys.argv[1], sys.argv[2])
