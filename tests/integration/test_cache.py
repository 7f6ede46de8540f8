"""The cache's own role on nodes of this machine: Valkey and Sentinel, asked by the libraries that Visio has."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from socle.nodes import vault
from tests.conftest import ROOT
from tests.integration import nodes
from tests.integration.nodes import Fleet

pytestmark = pytest.mark.skipif(bool(nodes.why_not()), reason=nodes.why_not() or "-")

# Run with Debian's redis-py and kombu; what it is told comes on standard input, what it saw goes to standard output.
CLIENT = """
import json, sys, time
import redis, kombu
from redis.sentinel import Sentinel

told = json.load(sys.stdin)
tls = {"ssl": True, "ssl_ca_certs": told["ca"], "ssl_cert_reqs": "required"}
own = {"username": "visio", "password": told["password"], **tls}
sentinel = Sentinel([(one, told["sentinel"]) for one in told["nodes"]], socket_timeout=3,
                    sentinel_kwargs={"username": "visio", "password": told["sentinel_password"], **tls}, **own)
seen = {"leader": sentinel.discover_master("cache")[0], "replicas": len(sentinel.discover_slaves("cache"))}
store = sentinel.master_for("cache", db=1)
taken = store.set("session:1", "somebody", ex=600)
seen["session"] = [taken, store.get("session:1").decode(), store.ttl("session:1") > 0]
seen["lobby"] = sorted(key.decode() for key in store.keys("session:*"))
with store.lock("turn", timeout=5):
    seen["lock"] = True
refused = {}
for words in (("FLUSHALL",), ("CONFIG", "GET", "*"), ("ACL", "LIST"), ("SHUTDOWN",), ("REPLICAOF", "NO", "ONE"),
              ("SAVE",), ("MIGRATE", "127.0.0.1", "1", "k", "0", "1")):
    try:
        store.execute_command(*words)
        refused[words[0]] = False
    except redis.exceptions.NoPermissionError:
        refused[words[0]] = True
seen["refused"] = refused
url = ";".join("sentinel://visio:%s@%s:%d/0" % (told["password"], one, told["sentinel"]) for one in told["nodes"])
asking = {"username": "visio", "password": told["sentinel_password"], **tls}
options = {"master_name": "cache", "sentinel_kwargs": asking}
verified = {"ssl_ca_certs": told["ca"], "ssl_cert_reqs": "required"}
with kombu.Connection(url, transport_options=options, ssl=verified) as broker:
    queue = broker.SimpleQueue("meet-backend")
    queue.put({"task": "delete a file"})
    message = queue.get(timeout=10)
    seen["job"] = message.payload
    message.ack()
    queue.close()
for one in told["nodes"]:
    try:
        redis.Redis(host=one, port=told["port"]).ping()
        seen["in clear"] = True
    except redis.exceptions.RedisError:
        pass
print(json.dumps(seen))
"""


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("nodes")
        patch.setenv("SOCLE_STATE", str(folder / "state"))
        with nodes.fleet(ROOT / "stacks" / "twozones.yaml", "cache", folder) as made:
            made.play()
            yield made


@pytest.fixture(autouse=True)
def state(three: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_STATE", str(three.folder / "state"))


def asked(made: Fleet) -> dict[str, Any]:
    """What the libraries see, from the first node that is there."""
    values = vault.open_vault(made.loaded, made.topology)
    flows, node = made.topology.flows, next(iter(made.nodes.values()))
    told = {
        "nodes": list(nodes.addresses(made)),
        "port": flows.get("cache").port,
        "sentinel": flows.get("cache-sentinel").port,
        "ca": "/etc/valkey/tls/ca.pem",
        "password": values.token("cache_password"),
        "sentinel_password": values.token("cache_sentinel_password"),
    }
    done = subprocess.run(
        node.enter("python3", "-c", CLIENT),
        input=json.dumps(told),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_sessions_locks_and_jobs_work_with_the_users_rights_and_nothing_else_does(three: Fleet) -> None:
    nodes.until(lambda: asked(three)["replicas"] == 2, "Sentinel to have heard of both replicas", 60)
    seen = asked(three)
    assert seen["leader"] == nodes.addresses(three)[0]
    assert (seen["session"], seen["lobby"], seen["lock"]) == ([True, "somebody", True], ["session:1"], True)
    assert seen["job"] == {"task": "delete a file"}
    assert all(seen["refused"].values()), seen["refused"]
    assert "in clear" not in seen


def test_a_second_run_changes_nothing(three: Fleet) -> None:
    assert {row["changed"] for row in three.play().values()} == {0}


def test_the_cache_outlives_its_leader_and_keeps_what_it_held(three: Fleet) -> None:
    first = next(node for node in three.nodes.values() if node.address == nodes.addresses(three)[0])
    three.die(first.name)
    seen: dict[str, Any] = {}

    def moved() -> bool:
        with_it = asked(three)
        seen.update(with_it)
        return bool(with_it["leader"] != first.address)

    def tried() -> bool:
        try:
            return moved()
        except AssertionError:
            return False

    nodes.until(tried, "another leader", 60)
    assert seen["lobby"] == ["session:1"]
