"""A relay as it is rendered, before the real coturn and its own client: who comes by IPv6 reaches media nodes by IPv4.

In a network of its own, where every address is this machine's. Needs coturn, and no root.
"""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from socle.lab.authority import ensure_authority
from socle.nodes import outputs
from socle.probe import stun
from socle.topology import Topology
from tests.conftest import ROOT
from tests.integration.nodes import until
from tests.models import files_of, topology_of

STACK = "cnrs"
SECRET = "of-this-test"
SENT = 8


def why_not() -> str:
    missing = [name for name in ("turnserver", "turnadmin", "turnutils_uclient", "unshare") if not shutil.which(name)]
    if missing:
        return f"not installed: {', '.join(missing)}"
    tried = subprocess.run(["unshare", "--map-root-user", "--net", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "namespaces cannot be made by this user here"


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


@pytest.mark.parametrize(("family", "peer", "arrives"), [(6, "media", True), (4, "media", True), (6, "bus", False)])
def test_users_of_either_family_reach_media_nodes_alone(tmp_path: Path, family: int, peer: str, arrives: bool) -> None:
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-m", __name__, str(tmp_path), str(family), peer]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.findall(r"tot_recv_msgs=(\d+)", done.stdout)
    if arrives:
        assert int(found[-1]) == SENT, done.stdout
    else:
        assert "403 (Forbidden IP)" in done.stdout
        assert not any(int(one) for one in found), done.stdout


def configured(folder: Path, topology: Topology) -> Path:
    """The rendered file of the first relay; its own files are in the folder."""
    ensure_authority(folder / "turn.crt", folder / "turn.key")
    text = files_of(STACK)["turn", "/etc/turnserver.conf"]
    text = text.replace("/etc/turnserver/", f"{folder}/").replace("/var/lib/turn/", f"{folder}/")
    file = folder / "turnserver.conf"
    file.write_text(f"{text}\npidfile={folder}/pid\n")
    realm = ["-r", topology.record("turn").fqdn, "-b", str(folder / "turndb")]
    subprocess.run(["turnadmin", "-s", SECRET, *realm], check=True, capture_output=True)
    return file


def echo(address: str, port: int) -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((address, port))
    while True:
        data, sender = server.recvfrom(2048)
        server.sendto(data, sender)


def told(folder: Path, family: int, tier: str) -> str:
    """What coturn's client says of packets that it sends to a node of the tier."""
    topology = topology_of(STACK)
    relay, target = topology.tier("turn").nodes[0], topology.tier(tier).nodes[0]
    port, turn = topology.flows.get("relayed-media").first, topology.flows.get("turn-udp").port
    floating = outputs.placeholders(topology)[relay.name].floating_address
    own = [f"{relay.address}/32", f"{relay.address6}/128", f"{target.address}/32", f"{floating}/32"]
    for words in (["link", "set", "lo", "up"], *(["addr", "add", one, "dev", "lo"] for one in own)):
        subprocess.run(["ip", *words], check=True)
    threading.Thread(target=echo, args=(target.address, port), daemon=True).start()
    user, password = stun.credentials(SECRET)
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(["turnserver", "-c", str(configured(folder, topology))], stdout=log, stderr=log)
        try:
            until(lambda: "Total General servers" in (folder / "log").read_text(), "coturn", 20)
            to = relay.address6 if family == 6 else relay.address
            seen, lent = stun.binding(to, turn), stun.allocate_udp(to, turn, SECRET)  # as `socle verify` asks
            assert not seen.failure and lent.relayed.startswith(f"{floating}:"), (seen, lent)
            way = ["-e", target.address, "-r", str(port), "-p", str(turn), to]
            client = ["timeout", "20", "turnutils_uclient", "-c", "-u", user, "-w", password, "-n", str(SENT), *way]
            return subprocess.run(client, capture_output=True, text=True, check=False).stdout
        finally:
            server.kill()
            server.wait()


if __name__ == "__main__":
    sys.stdout.write(told(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
