"""What the probes conclude from what they saw, and the bytes of STUN: no network."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from socle.probe import stun
from socle.probe.call import CallPlan, Door, result
from socle.probe.diagnose import causes
from socle.probe.model import CallResult, Check, Spot, worst
from socle.probe.names import _judge as judge_name
from socle.probe.ports import Scan, allowed_ports, judge, wanted_ports
from socle.probe.signalling import Announcement
from socle.probe.sockets import Listener
from socle.probe.sockets import judge as judge_sockets
from socle.probe.verify import Report
from socle.stack import load_stack
from socle.topology import derive
from socle.topology.flows import Place

DEMO = derive(load_stack("demo"))
TURN = Spot("demo-turn-zone-1-1", "turn", "10.64.3.10", "198.51.100.13")


def scan(*opened: int, scanned: int = 65535, complete: bool = True) -> Scan:
    return Scan("198.51.100.13", scanned, opened, 0, complete, 1.0)


@pytest.mark.parametrize(
    ("seen", "outcome"),
    [
        (scan(443), "pass"),
        (scan(443, 3478), "fail"),  # clear TCP beside the relay's UDP
        (scan(), "unknown"),  # no positive control
        (scan(22), "fail"),
        (scan(443, complete=False), "unknown"),
        (replace(scan(443, 22), moved=True), "unknown"),
    ],
)
def test_closed_counts_only_beside_an_open_port(seen: Scan, outcome: str) -> None:
    assert judge(DEMO, TURN, seen).outcome == outcome


def test_a_scan_of_others_is_bounded_and_holds_every_port_of_the_matrix() -> None:
    assert len(wanted_ports(DEMO, "edge", full=True)) == 65535
    some = wanted_ports(DEMO, "edge", full=False)
    assert len(some) < 1300
    assert {flow.first for flow in DEMO.flows if flow.protocol == "tcp"} <= set(some)


def test_what_may_answer_is_what_users_and_administrators_reach() -> None:
    assert allowed_ports(DEMO, "bastion") == {22: "administration"}
    assert allowed_ports(DEMO, "media") == {7881: "media-tcp"}
    assert allowed_ports(DEMO, "bus") == {}


def listeners(*more: Listener) -> list[Listener]:
    base = [
        Listener("udp", "10.64.3.10", 3478),
        Listener("tcp", "10.64.3.10", 443),
        Listener("tcp", "0.0.0.0", 22),
        Listener("udp", "127.0.0.53", 53),
        Listener("tcp", "127.0.0.53", 53),
        Listener("udp", "127.0.0.1", 323),
    ]
    return [*base, *more]


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        (Listener("udp", "10.64.3.10", 50000), "pass"),  # a relay socket
        (Listener("udp", "10.64.3.10%eth0", 68), "pass"),
        (Listener("tcp", "*", 9100), "fail"),
        (Listener("udp", "0.0.0.0", 323), "fail"),  # for the node itself, and listening to everybody
        (Listener("udp", "[::1]", 323), "pass"),
        (Listener("udp", "::", 323), "fail"),
        (Listener("tcp", "10.64.3.10", 50000), "fail"),  # the relay's range is UDP
    ],
)
def test_a_socket_is_in_the_matrix_or_is_named(more: Listener, outcome: str) -> None:
    check = judge_sockets(DEMO, TURN, listeners(more))
    assert check.outcome == outcome
    assert (str(more) in check.seen) == (outcome == "fail")


def test_a_flow_without_a_listener_is_named() -> None:
    left = [one for one in listeners() if one.port != 3478]
    check = judge_sockets(DEMO, TURN, left)
    assert (check.outcome, check.facts["missing"]) == ("fail", ["turn-udp"])


def test_the_edges_agreement_has_no_port_and_no_listener_is_missed_for_it() -> None:
    shared = derive(load_stack("armees"))
    node = shared.tier("edge").nodes[0]
    into = shared.flows.into("edge")
    assert any(flow.protocol == "vrrp" for flow in into)
    answering = [
        Listener(flow.protocol, "127.0.0.1" if flow.source == Place.LOOPBACK else "0.0.0.0", flow.first)
        for flow in into
        if flow.protocol != "vrrp"
    ]
    spot = Spot(node.name, "edge", node.address, None)
    assert judge_sockets(shared, spot, answering).outcome == "pass"
    door = [flow.name for flow in into if flow.first == into[0].first]  # all are told, one socket is for all
    without = [one for one in answering if one.port != into[0].first]
    assert set(judge_sockets(shared, spot, without).facts["missing"]) == set(door)


def plan(path: str = "turn-tls") -> CallPlan:
    relay = None if path == "direct" else Door("turn.example", "198.51.100.13", 443)
    door = Door("livekit.example", "198.51.100.11", 443)
    return CallPlan(path, door, ("a", "b"), ("198.51.100.12",), relay=relay)  # type: ignore[arg-type]


URL = "turns:turn.example:443?transport=tcp"


def raw(local: str = "relay", protocol: str = "tls", url: str = URL, audio: int = 300, video: int = 100) -> dict:
    pair = {"local": local, "protocol": protocol, "remote": "198.51.100.12", "url": url}
    return {"received": [{"audio": audio, "video": video}] * 2, "pairs": [pair, pair], "connect": 0.4}


@pytest.mark.parametrize(
    ("path", "seen", "reason"),
    [
        ("turn-tls", raw(), ""),
        ("turn-tls", raw(protocol="udp"), "not relayed over tls"),
        ("turn-tls", raw(local="host", protocol="udp", url=""), "not relayed over tls"),
        ("turn-udp", raw(local="host", protocol="udp", url=""), "not relayed over udp"),
        ("turn-tls", raw(url="turns:elsewhere.example:443?transport=tcp"), "another relay"),
        ("turn-tls", raw(audio=3), "too little audio"),
        ("turn-tls", raw(video=0), "too little video"),
        ("turn-tls", {**raw(), "pairs": []}, "no selected candidate pair"),
        ("turn-tls", {}, "two participants"),
        ("direct", raw(local="prflx", protocol="udp", url=""), ""),
        ("direct", raw(local="host", protocol="tcp", url=""), "not direct over UDP"),
        ("direct", raw(), "not direct over UDP"),
    ],
)
def test_a_call_counts_when_media_passed_along_the_path_that_was_asked(path: str, seen: dict, reason: str) -> None:
    failure = result(plan(path), "test", seen, 8.0).failure
    assert reason in failure if reason else failure == ""


def test_media_must_come_from_a_media_node() -> None:
    seen = raw(local="host", protocol="udp", url="")
    seen["pairs"][0]["remote"] = "203.0.113.9"
    assert "no media node" in result(plan("direct"), "test", seen, 8.0).failure


def call(path: str, failure: str = "") -> CallResult:
    relay = None if path == "direct" else TURN.name
    return CallResult(path, "test", relay=relay, edge="demo-edge-zone-1-1", failure=failure)  # type: ignore[arg-type]


MEDIA = ("demo-media-zone-1-1", "demo-media-zone-1-2")


def test_a_dead_relay_is_named_with_its_flows_and_calls() -> None:
    checks = [
        Check("flow", "turn-udp", "fail", "no answer", TURN.name),
        Check("flow", "turn-tls", "fail", "refused", TURN.name),
        Check("sockets", "listening", "fail", "", TURN.name, facts={"missing": ["turn-udp", "turn-tls"]}),
        Check("flow", "media-udp", "pass", "", MEDIA[0]),
    ]
    found = causes(checks, [call("direct"), call("turn-udp", "x"), call("turn-tls", "x")], MEDIA)
    assert [(c.node, c.flows, c.calls) for c in found] == [
        (TURN.name, ("turn-udp", "turn-tls"), ("turn-udp", "turn-tls"))
    ]


def test_a_relay_that_answers_and_carries_nothing_points_behind_it() -> None:
    (cause,) = causes([], [call("direct"), call("turn-udp", "receive: nothing came"), call("turn-tls")], MEDIA)
    assert cause.flows == ("relayed-media", "relay")
    assert cause.node == TURN.name


def test_a_dead_front_explains_every_call() -> None:
    down = [Check("flow", "https", "fail", "refused", "demo-edge-zone-1-1")]
    (cause,) = causes(down, [call(path, "x") for path in ("direct", "turn-udp", "turn-tls")], MEDIA)
    assert cause.calls == ("direct", "turn-udp", "turn-tls")


def test_what_is_too_much_is_named_too() -> None:
    checks = [
        Check("ports", "tcp", "fail", "open and in no flow: 9100", MEDIA[0]),
        Check("sockets", "listening", "fail", "in no flow: tcp *:9100", MEDIA[0], facts={"extra": ["tcp *:9100"]}),
        Check("sockets", "listening", "fail", "nothing listens for: ssh", MEDIA[1], facts={"missing": ["ssh"]}),
        Check("name", "turn.example", "fail", "no such name"),
    ]
    texts = [cause.text for cause in causes(checks, [], MEDIA)]
    assert texts == [
        f"{MEDIA[1]} does not answer for: ssh",
        f"{MEDIA[0]}: open and in no flow: 9100",
        f"{MEDIA[0]}: in no flow: tcp *:9100",
        "turn.example: no such name",
    ]


def test_unknown_is_no_pass() -> None:
    assert worst([]) == "unknown"
    assert worst(["pass", "unknown"]) == "unknown"
    assert worst(["pass", "unknown", "fail"]) == "fail"
    empty = Report("demo", "", 0.0, "test", (), (), ())
    assert empty.outcome == "unknown"
    assert json.loads(json.dumps(empty.document()))["format"] == 1


def test_names_must_have_exactly_the_nodes_addresses() -> None:
    assert judge_name("x.example", ("192.0.2.1", "192.0.2.2"), ["192.0.2.2", "192.0.2.1"]).outcome == "pass"
    assert judge_name("x.example", ("192.0.2.1",), ["192.0.2.2"]).outcome == "fail"
    assert judge_name("x.example", "no such name", ["192.0.2.2"]).seen == "no such name"


def test_foreign_ice_servers_are_seen() -> None:
    ours = ("stun:turn.example:3478", "turns:turn.example:443?transport=tcp")
    assert Announcement("", ice=ours).foreign("turn.example") == ()
    assert Announcement("", ice=(*ours, "stun:stun.l.other.example:19302")).foreign("turn.example") == (
        "stun:stun.l.other.example:19302",
    )
    assert Announcement("", ice=("stun:stun.other.example",)).foreign("turn.example")


def test_stun_address_of_rfc_5769() -> None:
    # RFC 5769, 2.2: XOR-MAPPED-ADDRESS of 192.0.2.1 port 32853
    assert stun.address_of(bytes.fromhex("0001a147e112a643")) == "192.0.2.1:32853"


def test_stun_long_term_integrity_of_rfc_5769(monkeypatch: pytest.MonkeyPatch) -> None:
    # RFC 5769, 2.4: a request with long-term authentication
    user, realm = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9".encode(), b"example.org"
    nonce, password = b"f//499k954d6OL34oL9FSTvy64sA", b"TheMatrIX"
    import hashlib

    key = hashlib.md5(user + b":" + realm + b":" + password, usedforsecurity=False).digest()
    monkeypatch.setattr(stun.os, "urandom", lambda _n: bytes.fromhex("78ad3433c6ad72c029da412e"))
    attributes = [(stun.USERNAME, user), (stun.NONCE, nonce), (stun.REALM, realm)]
    packet = stun.message(stun.BINDING, attributes, key)
    assert packet[:20].hex() == "000100602112a44278ad3433c6ad72c029da412e"
    assert packet[-20:].hex() == "f67024656dd64a3e02b8e0712e85c9a28ca89666"


@pytest.mark.parametrize("packet", [b"", b"x" * 19, b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_stun_is_refused(packet: bytes) -> None:
    with pytest.raises(ValueError, match="not a STUN"):
        stun.parse(packet)


def test_a_cut_stun_packet_is_read_without_failing() -> None:
    packet = stun.message(stun.BINDING, [(stun.REALM, b"abcde")])
    for length in range(20, len(packet)):
        kind, _attributes = stun.parse(packet[:length])
        assert kind == stun.BINDING


def test_credentials_are_signed_and_never_the_same_name_twice() -> None:
    first, second = stun.credentials("s"), stun.credentials("s")
    assert first[0].partition(":")[2] != second[0].partition(":")[2]
    assert first[1] != second[1]
