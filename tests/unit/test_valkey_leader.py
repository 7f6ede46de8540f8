"""The module that asks Sentinels who leads, against small servers on loopback that speak Valkey's protocol over TLS."""

from __future__ import annotations

import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.site import authority
from tests.unit.test_nodes_plugins import loaded_plugin, module

NODES = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
LOGINS = {"server": ("livekit", "of-servers"), "sentinel": ("livekit", "of-sentinels")}


@dataclass
class Bus:
    """What each Sentinel says, and what each server says of its replication; who is not in it does not answer."""

    says: dict[str, str]
    follows: dict[str, str]  # a node -> whom it follows; itself where it leads
    link: str = "up"
    ports: dict[str, int] = field(default_factory=dict)

    def asked(self, folder: Path, here: str = "", **more: Any) -> dict[str, Any]:
        return module(
            "valkey_leader",
            {
                "name": "bus",
                "nodes": NODES,
                "here": here,
                "server_port": self.ports["server"],
                "sentinel_port": self.ports["sentinel"],
                "username": "livekit",
                "password": LOGINS["server"][1],
                "sentinel_password": LOGINS["sentinel"][1],
                "ca": str(folder / "ca.pem"),
                **more,
            },
        )

    def answer(self, kind: str, address: str, words: list[str]) -> bytes:
        if words[0] == "AUTH":
            return b"+OK\r\n" if tuple(words[1:]) == LOGINS[kind] else b"-WRONGPASS invalid\r\n"
        if kind == "sentinel":
            assert words == ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "bus"]
            leader = self.says[address]
            return f"*2\r\n${len(leader)}\r\n{leader}\r\n$4\r\n6379\r\n".encode() if leader else b"*-1\r\n"
        assert words == ["INFO", "replication"]
        leader = self.follows[address]
        role = "role:master" if leader == address else f"role:slave\r\nmaster_host:{leader}"
        text = f"# Replication\r\n{role}\r\nmaster_link_status:{self.link}\r\n"
        return f"${len(text)}\r\n{text}\r\n".encode()


def words_of(stream: Any) -> list[str]:
    count = int(stream.readline()[1:] or 0)
    return [stream.read(int(stream.readline()[1:]) + 2)[:-2].decode() for _ in range(count)]


def free_port() -> int:
    """One that all of the loopback addresses have."""
    with closing(socket.create_server(("0.0.0.0", 0))) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def served(bus: Bus, folder: Path, kind: str, address: str) -> Iterator[None]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "bus.pem", folder / "bus.key")

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            try:
                with context.wrap_socket(self.request, server_side=True) as channel:
                    stream = channel.makefile("rwb")
                    while words := words_of(stream):
                        stream.write(bus.answer(kind, address, words))
                        stream.flush()
            except OSError:
                pass  # the client is gone, or does not trust us

    with socketserver.ThreadingTCPServer((address, bus.ports[kind]), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    authority(folder, {"bus": NODES, "other": ["elsewhere.example"]})
    return folder


@contextmanager
def running(bus: Bus, folder: Path) -> Iterator[Bus]:
    bus.ports = {"server": free_port(), "sentinel": free_port()}
    with ExitStack() as all_of_them:
        for kind, nodes in (("sentinel", bus.says), ("server", bus.follows)):
            for address in nodes:
                all_of_them.enter_context(served(bus, folder, kind, address))
        yield bus


def all_say(leader: str) -> dict[str, str]:
    return dict.fromkeys(NODES, leader)


def test_a_leader_that_all_name_is_seen_from_every_node(pki: Path) -> None:
    with running(Bus(all_say(NODES[1]), all_say(NODES[1])), pki) as bus:
        for here in ("", *NODES):
            answer = bus.asked(pki, here)
            assert (answer.get("leader"), answer["changed"]) == (NODES[1], False), answer


@pytest.mark.parametrize(
    ("bus", "here", "said"),
    [
        (Bus(all_say(NODES[0]) | {NODES[2]: NODES[1]}, all_say(NODES[0])), "", "different leaders"),
        (Bus({NODES[0]: NODES[0], NODES[1]: NODES[0]}, all_say(NODES[0])), NODES[0], f"do not answer: {NODES[2]}"),
        (Bus(all_say(NODES[0]) | {NODES[2]: ""}, all_say(NODES[0])), NODES[0], f"{NODES[2]}: watches nothing"),
        (Bus(all_say("192.0.2.1"), all_say(NODES[0])), "", "no node of it: 192.0.2.1"),
        (Bus(all_say(NODES[0]), all_say(NODES[1])), NODES[0], "should lead, and follows: 127.0.0.2"),
        (Bus(all_say(NODES[0]), {n: n for n in NODES}), NODES[1], "should follow 127.0.0.1, and leads"),
        (Bus(all_say(NODES[0]), all_say(NODES[2])), NODES[1], "should follow 127.0.0.1, and follows: 127.0.0.3"),
        (Bus(all_say(NODES[0]), all_say(NODES[0]), link="down"), NODES[1], "no copy of its leader yet"),
        (Bus(all_say(NODES[0]), {}), NODES[0], "Valkey does not answer on 127.0.0.1"),
    ],
)
def test_what_is_wrong_is_said_in_words(pki: Path, bus: Bus, here: str, said: str) -> None:
    with running(bus, pki):
        answer = bus.asked(pki, here)
    assert answer.get("failed"), answer
    assert said in answer["msg"]


def test_on_the_first_day_nobody_answers_and_nobody_is_named(pki: Path) -> None:
    bus = Bus({}, {})
    bus.ports = {"server": free_port(), "sentinel": free_port()}
    assert bus.asked(pki)["leader"] == ""


def test_a_node_that_is_made_anew_is_told_by_those_that_are_left(pki: Path) -> None:
    with running(Bus({NODES[2]: NODES[1]}, {}), pki) as bus:
        assert bus.asked(pki)["leader"] == NODES[1]


def test_a_single_node_leads_and_no_sentinel_is_asked(pki: Path) -> None:
    with running(Bus({}, {NODES[0]: NODES[0]}), pki) as bus:
        assert bus.asked(pki, NODES[0], nodes=NODES[:1])["leader"] == NODES[0]


def test_a_wrong_password_or_certificate_is_refused_and_never_shown(pki: Path, tmp_path: Path) -> None:
    with running(Bus(all_say(NODES[0]), all_say(NODES[0])), pki) as bus:
        wrong = bus.asked(pki, NODES[0], sentinel_password="not the one")
        assert "WRONGPASS" in wrong["msg"]
        assert "not the one" not in str(wrong)
        (tmp_path / "other").mkdir()
        authority(tmp_path / "other", {"bus": NODES})
        assert "CERTIFICATE_VERIFY_FAILED" in bus.asked(tmp_path / "other", NODES[0])["msg"]


def test_an_answer_that_breaks_off_is_no_answer() -> None:
    import io

    reply = loaded_plugin("modules/valkey_leader.py")
    with pytest.raises(reply.Refused):
        reply.reply(io.BytesIO(b""))
    assert reply.reply(io.BytesIO(b"*2\r\n:5\r\n$-1\r\n")) == [5, None]
