"""A stack on a cloud without load balancer, name service, key manager and object store: the embedded one, told so."""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import ROOT
from tests.lab.conftest import LEFT_OUT, Deployment, changed, made, write_bare_cloud, write_stack
from tests.lab.plugged import until

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

BOUND = 10.0  # seconds without an answer: three of silence, or two failed handshakes, on a machine that is busy
PAUSE = 0.1


@pytest.fixture(scope="module")
def fewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("fewer")
    # said for these tests alone: sensitive data is refused elsewhere, long before a node is asked to encrypt it
    region = load_stack("demo").cloud.region
    write_bare_cloud(folder, qualification={"scheme": "SecNumCloud 3.2", "scope": region, "until": "2027-12-31"})
    own = {"edge": {"nodes": 2, "reason": "One passes the shared address to the other"}, "objects": LEFT_OUT["backup"]}
    write_stack(folder, "fewer", "10.102.0.0/19", overrides={**LEFT_OUT, **own})
    stack = Deployment("fewer", folder)
    stack.socle("up", "fewer", "--yes", timeout=1800)
    yield stack
    stack.socle("down", "fewer", "--name", "fewer", timeout=900)


def on(stack: Deployment, node: str, *command: str, check: bool = True) -> str:
    return stack.socle("ssh", stack.name, node, *command, check=check).stdout


def holders(stack: Deployment) -> list[str]:
    """The edges that have the shared address; while it moves, none."""
    (front,) = derive(load_stack(str(stack.file))).fronts
    nodes = stack.nodes("edge")
    return [node for node in nodes if f" {front.address}/" in on(stack, node, "ip", "-br", "-4", "address")]


class Watch(threading.Thread):
    """Asks the service for its page, again and again, by its public address."""

    def __init__(self, address: str, name: str, authority: str) -> None:
        super().__init__(daemon=True)
        self._door, self._name, self._ended = (address, 443), name, threading.Event()
        self._context = ssl.create_default_context(cafile=authority)
        self.answers = [time.monotonic()]

    def run(self) -> None:
        while not self._ended.wait(PAUSE):
            if self._answered():
                self.answers.append(time.monotonic())
        self.answers.append(time.monotonic())

    def _answered(self) -> bool:
        try:
            with (
                socket.create_connection(self._door, timeout=1) as raw,
                self._context.wrap_socket(raw, server_hostname=self._name) as tls,
            ):
                tls.sendall(f"GET / HTTP/1.1\r\nHost: {self._name}\r\nConnection: close\r\n\r\n".encode())
                return tls.recv(15).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def longest(self) -> float:
        """Seconds without an answer."""
        self._ended.set()
        self.join()
        return max(after - before for before, after in zip(self.answers, self.answers[1:], strict=False))


@contextmanager
def watched(stack: Deployment) -> Iterator[Watch]:
    loaded = load_stack(str(stack.file))
    topology = derive(loaded)
    (front,) = topology.fronts
    watch = Watch(made(stack).fronts[front.name], topology.record("visio").fqdn, str(loaded.cloud.ca_certificate))
    watch.start()
    yield watch


def test_the_service_is_what_the_stack_says_and_a_second_up_changes_nothing(fewer: Deployment) -> None:
    done = fewer.socle("up", "fewer", "--yes", timeout=1200)
    assert "cloud: no operation" in done.stdout
    assert "nodes: nothing changed" in done.stdout
    fewer.socle("verify", "fewer", timeout=900)


@pytest.mark.parametrize(
    ("taken", "given_back"),
    [
        (("systemctl", "stop", "keepalived"), ("systemctl", "start", "keepalived")),
        (("systemctl", "stop", "nginx"), ("systemctl", "start", "nginx")),
        (("pkill", "-STOP", "nginx"), ("pkill", "-CONT", "nginx")),
    ],
    ids=["keepalived-stops", "nginx-stops", "nginx-hangs"],
)
def test_the_address_moves_in_time_and_stays_where_it_went(
    fewer: Deployment, taken: tuple[str, ...], given_back: tuple[str, ...]
) -> None:
    (before,) = until(lambda: holders(fewer), 60)
    with watched(fewer) as watch:
        on(fewer, before, "sudo", *taken)
        (after,) = until(lambda: [node for node in holders(fewer) if node != before], 60)
        on(fewer, before, "sudo", *given_back)
        until(lambda: on(fewer, before, "systemctl", "is-active", "keepalived", check=False) == "active\n", 60)
        assert holders(fewer) == [after]  # who comes back takes nothing
        assert watch.longest() < BOUND


def test_a_node_that_cannot_encrypt_is_refused_and_nothing_is_written(fewer: Deployment) -> None:
    """The lab has no device mapper. The container that the role would make can be made, and opened by its key alone."""
    node = fewer.nodes("bus")[0]
    before = on(fewer, node, "findmnt", "--real", "--noheadings", "--output", "SOURCE,TARGET,FSTYPE")
    with changed(fewer, data=dict.fromkeys(("media", "recordings", "transcripts"), "sensitive")):
        refused = fewer.socle("up", "fewer", "--yes", check=False, timeout=1200)
    assert refused.returncode == 5
    assert re.search(rf"{node}: volume : .*this node cannot encrypt its volume", refused.stderr), refused.stderr[-3000:]
    assert on(fewer, node, "findmnt", "--real", "--noheadings", "--output", "SOURCE,TARGET,FSTYPE") == before


def test_cryptsetup_makes_of_the_role_s_options_what_the_role_opens(fewer: Deployment) -> None:
    node = fewer.nodes("bus")[0]
    listed = yaml.safe_load((ROOT / "playbooks" / "roles" / "volume" / "vars" / "main.yml").read_text())
    on(fewer, node, "sudo", "apt-get", "install", "-qq", "--no-install-recommends", *listed["volume_packages"])
    work = Path("/var/tmp")
    key, image = work / "key", work / "image"
    try:
        on(fewer, node, f"printf %s {'ab' * 32} > {key}; printf %s {'cd' * 32} > {key}.other; truncate -s 64M {image}")
        on(fewer, node, "sudo", *listed["volume_luks_format"], str(key), str(image))
        opened = ("sudo", "cryptsetup", "open", "--type=luks2", "--test-passphrase")
        on(fewer, node, *opened, f"--key-file={key}", str(image))
        wrong = fewer.socle("ssh", "fewer", node, *opened, f"--key-file={key}.other", str(image), check=False)
        assert wrong.returncode == 2  # cryptsetup: no permission
    finally:
        on(fewer, node, "rm", "-f", str(key), f"{key}.other", str(image))
        on(fewer, node, "sudo", "apt-get", "purge", "-qq", *listed["volume_packages"])
