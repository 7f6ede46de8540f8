"""The modules of the database's role: what they decide, and what they do against a small server of the tests."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.site import authority
from tests.unit.test_nodes_plugins import loaded_plugin, module

ETCD = loaded_plugin("modules/etcd_member.py")
PATRONI = loaded_plugin("modules/patroni_member.py")
CLIENT = loaded_plugin("modules/database_client.py")
NAMES = ["one", "two", "three"]
Answers = Callable[[str, str, dict[str, Any]], tuple[int, Any]]  # method, path, body -> status, answer


@contextmanager
def answering(folder: Path, address: str, port: int, answer: Answers) -> Iterator[int]:
    """A server that wants a client's certificate, as etcd does."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=folder / "ca.pem")
    context.load_cert_chain(folder / "node.pem", folder / "node.key")
    context.verify_mode = ssl.CERT_REQUIRED

    class Handler(http.server.BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, said = answer(self.command, self.path, json.loads(body or b"{}"))
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = _any

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer((address, port), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    authority(folder, {"node": ["127.0.0.1", "127.0.0.2"]})
    return folder


def shown(folder: Path) -> dict[str, str]:
    return {"ca": f"{folder}/ca.pem", "certificate": f"{folder}/node.pem", "key": f"{folder}/node.key"}


# --- etcd -------------------------------------------------------------------------------------------------------------

OWN = "https://127.0.0.1:2"


def joined(folder: Path, port: int) -> dict[str, Any]:
    places = [{"name": "one", "address": "127.0.0.1"}, {"name": "two", "address": "127.0.0.2"}]
    return module("etcd_member", {"nodes": places, "name": "one", "client_port": port, "peer_port": 2, **shown(folder)})


@pytest.mark.parametrize(
    ("members", "wanted"),
    [
        (None, (None, False, False)),
        ([{"ID": "2", "peerURLs": ["https://127.0.0.2:2"], "clientURLs": ["x"]}], (None, True, True)),
        ([{"ID": "1", "peerURLs": [OWN], "clientURLs": ["x"]}], ("1", True, True)),
        ([{"ID": "1", "name": "one", "peerURLs": [OWN]}], (None, False, True)),
    ],
    ids=["nobody answers", "one more", "its data is lost", "it never started"],
)
def test_how_a_node_comes_to_etcd(members: Any, wanted: tuple[Any, bool, bool]) -> None:
    assert ETCD.plan(members, OWN, {}) == wanted


def test_the_first_begin_together(pki: Path) -> None:
    answer = joined(pki, 9)  # nobody listens there
    assert (answer["state"], answer["changed"]) == ("new", False)
    assert answer["cluster"] == "one=https://127.0.0.1:2,two=https://127.0.0.2:2"


def test_a_node_whose_data_is_lost_takes_its_own_place_again(pki: Path) -> None:
    asked: list[tuple[str, Any]] = []

    def answer(_method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        asked.append((path.rsplit("/", 1)[1], body))
        two = {"ID": "22", "name": "two", "peerURLs": ["https://127.0.0.2:2"], "clientURLs": ["x"]}
        return 200, {"members": [two, {"ID": "11", "name": "one", "peerURLs": [OWN], "clientURLs": ["x"]}]}

    with answering(pki, "127.0.0.2", 0, answer) as port:
        made = joined(pki, port)
    assert (made["state"], made["changed"]) == ("existing", True)
    assert made["cluster"] == "one=https://127.0.0.1:2,two=https://127.0.0.2:2"
    assert asked == [("list", {"linearizable": True}), ("remove", {"ID": "11"}), ("add", {"peerURLs": [OWN]})]


def test_a_member_that_etcd_does_not_take_now_is_an_error_with_its_reason(pki: Path) -> None:
    def answer(_method: str, path: str, _body: dict[str, Any]) -> tuple[int, Any]:
        return (200, {"members": []}) if path.endswith("list") else (503, {"message": "unhealthy cluster"})

    with answering(pki, "127.0.0.2", 0, answer) as port:
        made = joined(pki, port)
    assert made["failed"]
    assert made["msg"] == "etcd takes no new member: unhealthy cluster"


# --- Patroni ----------------------------------------------------------------------------------------------------------


def member(name: str, role: str = "replica", state: str = "", configured: str = "new", **more: Any) -> dict[str, Any]:
    state = state or ("running" if role == "leader" else "streaming")
    return {"name": name, "role": role, "state": state, "tags": {"configured": configured}, **more}


def cluster(*members: dict[str, Any]) -> dict[str, Any]:
    return {one["name"]: one for one in members}


SOUND = cluster(member("one", "leader"), member("two", "sync_standby"), member("three"))


def test_a_sound_cluster_is_proven() -> None:
    assert PATRONI.not_proven(SOUND, NAMES) == ""
    assert PATRONI.not_proven(cluster(member("one", "leader")), ["one"]) == ""


@pytest.mark.parametrize(
    ("members", "said"),
    [
        (SOUND | cluster(member("two", "leader")), "one node must lead; those that do: one, two"),
        (SOUND | cluster(member("one")), "those that do: none"),
        ({name: SOUND[name] for name in ("one", "two")}, "unknown to Patroni: three"),
        (SOUND | cluster(member("stray")), "no nodes of this stack: stray"),
        (SOUND | cluster(member("three", state="starting")), "not at work: three is starting"),
        (SOUND | cluster(member("three", state="running")), "not at work: three is running"),  # not from the leader
        (SOUND | cluster(member("two")), "no replica is in step"),
    ],
)
def test_what_is_wrong_is_said_in_words(members: dict[str, Any], said: str) -> None:
    assert said in PATRONI.not_proven(members, NAMES)


def test_a_node_is_settled_once_it_serves_and_somebody_leads() -> None:
    assert PATRONI.not_settled(SOUND, "three") == ""
    assert PATRONI.not_settled(SOUND | cluster(member("three", state="starting")), "three") == "three is starting"
    assert PATRONI.not_settled({}, "one") == "one is unknown to Patroni"
    assert PATRONI.not_settled(SOUND | cluster(member("one", "leader", "stopped")), "two") == "nobody leads"


def test_the_leader_waits_for_replicas_that_are_there_and_for_no_other() -> None:
    assert PATRONI.not_last(SOUND, "one", "new") == ""
    late = SOUND | cluster(member("three", configured="old"))
    assert PATRONI.not_last(late, "one", "new") == "replicas that are not yet as configured: three"
    assert PATRONI.not_last(late, "three", "new") == "", "a replica waits for nobody"
    waiting = SOUND | cluster(member("two", "sync_standby", pending_restart=True))
    assert "two" in PATRONI.not_last(waiting, "one", "new")
    assert "three" in PATRONI.not_last(SOUND | cluster(member("three", state="restarting")), "one", "new")
    assert PATRONI.not_last(SOUND | cluster(member("three", state="stopped", configured="old")), "one", "new") == ""


def test_only_a_replica_in_step_takes_over() -> None:
    assert PATRONI.successor(SOUND, "one") == "two"
    assert PATRONI.successor(SOUND | cluster(member("two", "sync_standby", "stopped")), "one") == ""


def test_only_what_differs_is_shared() -> None:
    wanted = {"ttl": 20, "postgresql": {"parameters": {"max_connections": 100, "wal_level": "replica"}}}
    kept = {"ttl": 20, "pause": True, "postgresql": {"parameters": {"max_connections": 90, "wal_level": "replica"}}}
    assert PATRONI.differing(wanted, kept) == {"postgresql": {"parameters": {"max_connections": 100}}}
    assert PATRONI.differing(wanted, wanted) == {}


def patroni(folder: Path, port: int, wanted: str, **more: Any) -> dict[str, Any]:
    file = folder / "config.yml"
    file.write_text("bootstrap: {dcs: {ttl: 20}}\ntags: {configured: new}\n")
    given = {"wanted": wanted, "node": "one", "nodes": NAMES, "url": f"https://127.0.0.1:{port}", "username": "patroni",
             "password": "not to be shown", "configuration": str(file), "patience": 30, **shown(folder)}  # fmt: skip
    return module("patroni_member", {**given, **more})


def test_a_leader_hands_over_before_it_restarts_and_the_others_restart_at_once(pki: Path) -> None:
    members, asked = dict(SOUND) | cluster(member("one", "leader", pending_restart=True)), []

    def answer(method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if method != "GET":
            asked.append((path, body))
        if path == "/switchover":
            members.update(
                cluster(member("one", pending_restart=True), member("two", "leader"), member("three", "sync_standby"))
            )
        if path == "/restart":
            members["one"] = member("one")
        return 200, {"members": list(members.values())}

    with answering(pki, "127.0.0.1", 0, answer) as port:
        done = patroni(pki, port, "current")
        again = patroni(pki, port, "current")
    assert asked == [("/switchover", {"leader": "one", "candidate": "two"}), ("/restart", {})]
    assert (done["action"], done["leads"]) == (["leader now two", "PostgreSQL restarted"], False)
    assert (again["action"], again["changed"]) == ([], False)
    assert "not to be shown" not in str(done)


def test_handing_over_is_a_restart_too_and_is_waited_for(pki: Path) -> None:
    members, asked = dict(SOUND) | cluster(member("one", "leader", pending_restart=True)), []

    def answer(method: str, path: str, _body: dict[str, Any]) -> tuple[int, Any]:
        if method != "GET":
            asked.append(path)
            members.update(
                cluster(member("one", state="stopping"), member("two", "leader"), member("three", "sync_standby"))
            )
        elif len(asked) == 1:
            asked.append("looked again")
        elif asked:
            members["one"] = member("one")
        return 200, {"members": list(members.values())}

    with answering(pki, "127.0.0.1", 0, answer) as port:
        done = patroni(pki, port, "current")
    assert (done["action"], asked) == (["leader now two"], ["/switchover", "looked again"])


def test_a_leader_without_a_replica_in_step_is_not_restarted(pki: Path) -> None:
    members = [member("one", "leader", pending_restart=True), member("two", state="stopped")]
    with answering(pki, "127.0.0.1", 0, lambda *_: (200, {"members": members})) as port:
        done = patroni(pki, port, "current", patience=1)
    assert done["msg"] == "the leader is not restarted: no replica is in step with it"


def test_what_patroni_keeps_is_changed_where_it_differs(pki: Path) -> None:
    kept, changes = {"ttl": 30, "pause": False}, []

    def answer(method: str, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if method == "PATCH":
            changes.append(body)
            kept.update(body)
        return 200, kept if path == "/config" else {"members": list(SOUND.values())}

    with answering(pki, "127.0.0.1", 0, answer) as port:
        assert patroni(pki, port, "shared")["action"] == ["now shared: ttl"]
        assert not patroni(pki, port, "shared")["changed"]
    assert changes == [{"ttl": 20}]


def test_a_patroni_that_is_not_there_is_an_error_in_words(pki: Path) -> None:
    assert patroni(pki, 9, "proven")["msg"].startswith("Patroni does not answer: ")


# --- a client ---------------------------------------------------------------------------------------------------------


def test_a_client_gives_all_nodes_and_verifies_who_answers() -> None:
    given = {
        "port": 5,
        "database": "d",
        "username": "u",
        "password": "p",
        "ca": "/ca.pem",
        "nodes": ["a", "b"],
        "here": "a",
    }
    seen: list[dict[str, Any]] = []

    class Driver:
        class Error(Exception):
            pass

        def connect(self, **named: Any) -> Any:
            seen.append(named)
            raise self.Error("nobody answers")

    with pytest.raises(CLIENT.Refused, match="no node takes a row: nobody answers"):
        CLIENT.row_taken(Driver(), given)
    assert (seen[0]["host"], seen[0]["target_session_attrs"], seen[0]["sslmode"]) == (
        "a,b",
        "read-write",
        "verify-full",
    )


def test_only_a_refusal_for_being_in_clear_counts() -> None:
    assert CLIENT.not_refused_in_clear("FATAL: no pg_hba.conf entry for host, user, database, no encryption") == ""
    assert CLIENT.not_refused_in_clear(None) == "PostgreSQL serves a connection in clear"
    assert "and not for being in clear" in CLIENT.not_refused_in_clear("Connection refused")
