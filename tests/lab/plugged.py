"""A machine as small as it can be: a port of a tenant's network, in a network namespace of the lab's, where one process
of a test answers or asks. To OVN it is what an instance is: same port, same groups, same router.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from socle.lab import services, world

PYTHON = "/usr/bin/python3"
ANSWERING = """
import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(sys.argv[1].encode())
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", int(sys.argv[2])), Answer).serve_forever()
"""
FETCHING = """
import ssl, sys, urllib.error, urllib.request
context = ssl.create_default_context(cadata=sys.stdin.read())
try:
    answer = urllib.request.urlopen(sys.argv[1], context=context, timeout=10)
except urllib.error.HTTPError as error:  # 300, a list of versions, is one to this client
    if error.code >= 400:
        raise
    answer = error
sys.stdout.write(answer.read().decode())
"""


def until(what: Callable[[], Any], seconds: float = 180) -> Any:
    """The first true answer; the test fails where there is none in time."""
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.2)
    return found


@dataclass(frozen=True)
class Plugged:
    """`name`: of its namespace."""

    name: str
    address: str
    answering: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def command(self, *command: str) -> list[str]:
        return world.command_inside(["ip", "netns", "exec", self.name, *command])

    def fetch(self, url: str, authority: str) -> str:
        """What a TLS server says to it; `authority`: the certificate to trust."""
        done = subprocess.run(
            self.command(PYTHON, "-c", FETCHING, url), input=authority, capture_output=True, text=True, check=True
        )
        return done.stdout

    def answer(self, port: int) -> None:
        """Serves its own name until `stop`."""
        command = self.command(PYTHON, "-c", ANSWERING, self.name, str(port))
        self.answering.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))

    def stop(self) -> None:
        for process in world.inside(["ip", "netns", "pids", self.name]).split():
            world.inside(["kill", "-9", process], check=False)
        while self.answering:
            self.answering.pop().wait(timeout=10)


def ovs(*command: str) -> None:
    world.inside(["ovs-vsctl", f"--db=unix:{services.OVN}/db.sock", "--timeout=20", *command])


@contextmanager
def plugged(cloud: Any, network: Any, group: Any, name: str) -> Iterator[Plugged]:
    port = cloud.network.create_port(network_id=network.id, name=name, security_group_ids=[group.id])
    device, inner = f"tap{port.id[:11]}", "eth0"
    address = port.fixed_ips[0]["ip_address"]
    subnet = cloud.network.get_subnet(port.fixed_ips[0]["subnet_id"])
    world.inside(["ip", "netns", "add", name])
    try:
        peer = ["peer", "name", inner, "address", port.mac_address, "netns", name]
        world.inside(["ip", "link", "add", device, "mtu", str(network.mtu), "type", "veth", *peer])
        world.inside(["ip", "link", "set", device, "up"])
        within = ["ip", "netns", "exec", name]
        prefix = subnet.cidr.partition("/")[2]
        for command in (
            ["ip", "link", "set", inner, "mtu", str(network.mtu), "up"],
            ["ethtool", "-K", inner, "tx", "off"],  # over the userspace datapath
            ["ip", "addr", "add", f"{address}/{prefix}", "dev", inner],
            ["ip", "route", "add", "default", "via", subnet.gateway_ip],
            ["ip", "link", "set", "lo", "up"],
        ):
            world.inside([*within, *command])
        ids = {"iface-id": port.id, "iface-status": "active", "attached-mac": f'"{port.mac_address}"'}
        told = [f"external_ids:{key}={value}" for key, value in ids.items()]
        ovs("add-port", "br-int", device, "--", "set", "Interface", device, *told)
        machine = Plugged(name, address)
        yield machine
        machine.stop()
    finally:
        ovs("--if-exists", "del-port", "br-int", device)
        world.inside(["ip", "netns", "del", name], check=False)
        world.inside(["ip", "link", "del", device], check=False)
        cloud.network.delete_port(port)
