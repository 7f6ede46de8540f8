"""The monitoring tier on nodes of this machine: exporters behind a door, alerts, dashboards, status."""

from __future__ import annotations

import json
import quopri
from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import yaml

from socle.nodes import certificates, render, vault
from socle.stack import load_stack
from socle.stack.cloud import Relay
from socle.topology import derive
from socle.topology.model import Secret
from socle.topology.watched import watched
from tests.conftest import STACKS
from tests.integration import alerts, nodes
from tests.integration.nodes import Fleet, Node, until

pytestmark = pytest.mark.skipif(bool(nodes.why_not()), reason=nodes.why_not() or "-")
EDGE, BUS, TURN = (f"twozones-{tier}-zone-1-1" for tier in ("edge", "bus", "turn"))
MIRROR, RELAY, PEOPLE = "twozones-mirror-zone-1-1", "smtp.ministere.example", "exploitation@ministere.example"
# The ministry's relay, at the address of the mirror node that passes the connection on: takes mail over TLS alone.
SINK = r"""
import asyncio, ssl, sys
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain("/etc/sink/c.crt", "/etc/sink/c.key")

async def talk(reader, writer):
    def say(text):
        writer.write(text.encode() + b"\r\n")

    secure = False
    say("220 sink")
    while line := (await reader.readline()).decode().strip().upper():
        if line.startswith("EHLO"):
            say("250-sink")
            say("250 8BITMIME" if secure else "250 STARTTLS")
        elif line == "STARTTLS":
            say("220 go on")
            await writer.drain()
            await writer.start_tls(context)
            secure = True
        elif line == "DATA" and secure:
            say("354 go on")
            with open("/var/log/mails", "ab") as kept:
                while (data := await reader.readline()) != b".\r\n":
                    kept.write(data)
            say("250 kept")
        else:
            say("250 fine" if secure else "530 TLS first")
        await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(talk, sys.argv[1], int(sys.argv[2]))
    await server.serve_forever()

asyncio.run(main())
"""
RULES = [f"/etc/prometheus/rules/{name}.yml" for name in ("capacity", "calls", "health")]
TLS = "/etc/prometheus/tls"


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("monitoring")
        patch.setenv("SOCLE_STATE", str(folder / "state"))
        yield folder


@pytest.fixture(autouse=True)
def state(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's own: every test is given another by default."""
    monkeypatch.setenv("SOCLE_STATE", str(private / "state"))


@pytest.fixture(scope="module")
def made(private: Path) -> Iterator[Fleet]:
    """Both monitoring nodes, and three that they measure: nginx of the edge, Valkey of the bus, the relay's sockets."""
    alone = {"bus": {"nodes": 1, "reason": "one node alone leads, and votes with nobody"}}
    stack = nodes.two_zones(private, overrides=alone, monitoring={"alerts_to": [PEOPLE]})
    relay = Relay(address=IPv4Address("203.0.113.98"), name=RELAY)
    with nodes.fleet(stack, "monitoring", private, nodes.SEEING, mail=relay) as found:
        for name in (EDGE, BUS, TURN):
            found.boot(name)
        takes_mail(found)
        configured(found)
        yield found


def takes_mail(made: Fleet) -> None:
    mirror = made.boot(MIRROR)
    pair = certificates.current_or_new(
        made.loaded, Secret("relay", "certificate", (), (RELAY,)), None, datetime.now(UTC)
    )
    for name, text in {"c.crt": pair["certificate"], "c.key": pair["key"], "sink.py": SINK}.items():
        nodes.written(mirror, f"/etc/sink/{name}", text)
    port = str(made.topology.flows.get("mail").port)
    mirror.run("systemd-run", "--unit=sink", "python3", "/etc/sink/sink.py", mirror.address, port)


def watching(made: Fleet) -> list[Node]:
    return [node for name, node in made.nodes.items() if "-monitoring-" in name]


def configured(made: Fleet) -> int:
    """How much the roles changed."""
    names = [node.name for node in watching(made)]
    plays = [
        made.play(EDGE, BUS, *names, roles=nodes.ITS_OWN),
        made.play(EDGE, BUS, TURN, *names, roles=["metrics"]),
    ]
    return sum(row["changed"] for rows in plays for row in rows.values())


def asked(node: Node, question: str) -> list[tuple[dict[str, str], float]]:
    """What Prometheus on the node answers: labels and value of each series."""
    url = f"http://127.0.0.1:9090/api/v1/query?{urlencode({'query': question})}"
    found = json.loads(node.run("curl", "-sS", "--max-time", "10", url))["data"]["result"]
    return [(one["metric"], float(one["value"][1])) for one in found]


def value(node: Node, question: str) -> float | None:
    found = asked(node, question)
    return found[0][1] if len(found) == 1 else None


def door(made: Fleet, node: Node, of: str, module: str) -> str:
    """A node's door, asked by another with its own certificate."""
    port = made.topology.flows.get("metrics").port
    url = f"https://{made.nodes[of].address}:{port}/proxy?module={module}"
    return node.run("curl", "-sS", "--max-time", "10", "--cacert", f"{TLS}/ca.pem", "--cert", f"{TLS}/node.crt",
                    "--key", f"{TLS}/node.key", url, check=False)  # fmt: skip


def test_a_second_run_changes_nothing(made: Fleet) -> None:
    assert configured(made) == 0
    names = [node.name for node in watching(made)]
    made.play(EDGE, BUS, TURN, *names, roles=["metrics"], tasks="verify")
    made.play(*names, tasks="verify")


def test_every_exporter_is_asked_from_every_monitoring_node(made: Fleet) -> None:
    wanted = {("node", name) for name in made.nodes if name != MIRROR} | {
        ("nginx", EDGE),
        ("valkey", BUS),
        ("turn", TURN),
    }
    for node in watching(made):
        for job, name in wanted:
            up = f'up{{job="{job}",node="{name}"}}'
            until(lambda up=up, node=node: value(node, up) == 1, f"{job} of {name}", 60)
        until(lambda node=node: value(node, "redis_up") == 1, "Valkey", 30)
        until(lambda node=node: (value(node, "nginx_connections_active") or 0) > 0, "nginx", 30)
        until(lambda node=node: value(node, "turn_allocations") == 0, "the relay", 30)


def test_a_relay_socket_is_an_allocation(made: Fleet) -> None:
    first = made.topology.flows.get("relay").first
    script = made.nodes[TURN].run("cat", "/etc/prometheus/exporter-exporter.yml")
    arguments = yaml.safe_load(script)["modules"]["turn"]["exec"]["args"]
    code = (
        "import socket, subprocess, sys\n"
        f"held = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]\n"
        f"for place, one in enumerate(held): one.bind(('127.0.0.1', {first} + place - 1))\n"
        "subprocess.run(['/usr/local/libexec/turn-metrics', *sys.argv[1:]])"
    )
    said = made.nodes[TURN].run("python3", "-c", code, *arguments)
    assert "\nturn_allocations 2\n" in said, "one of the three sockets is outside the relay's range"


def test_a_door_opens_for_the_monitoring_nodes_alone(made: Fleet) -> None:
    for node in watching(made):
        assert "node_memory_MemTotal_bytes" in door(made, node, EDGE, "node")
    for other in (EDGE, BUS):
        assert "node_memory" not in door(made, made.nodes[other], TURN, "node")
    port = made.topology.flows.get("metrics").port
    clear = made.nodes[EDGE].run(
        "curl", "-sS", "--max-time", "5", f"http://{made.nodes[TURN].address}:{port}/", check=False
    )
    assert "metrics" not in clear


def test_nothing_that_measures_listens_beyond_loopback_but_the_door(made: Fleet) -> None:
    flows = made.topology.flows
    allowed = {flows.get(name).port for name in ("metrics", "alerts-twice", "dashboards", "https", "media-bus")}
    for node in (made.nodes[name] for name in made.nodes if name != MIRROR):
        rows = [line.split()[3].rpartition(":") for line in node.run("ss", "-Hltn").splitlines()]
        beyond = {int(port) for address, _, port in rows if not address.strip("[]").startswith("127.")}
        assert beyond <= allowed, node.name


def people(made: Fleet, node: Node, path: str, password: str = "", *more: str) -> str:
    """The dashboards, as somebody sees them through the bastion: status, then what is shown."""
    port = made.topology.flows.get("dashboards").port
    login = ("--user", f"exploitation:{password}") if password else ()
    return node.run("curl", "-sS", "--max-time", "10", "--cacert", f"{TLS}/ca.pem", "--write-out", "\n%{http_code}",
                    *login, *more, f"https://{node.address}:{port}{path}", check=False)  # fmt: skip


def test_dashboards_ask_for_a_password_and_answer_questions_alone(made: Fleet) -> None:
    password = vault.open_vault(made.loaded, made.topology).token("dashboards_password")
    node = watching(made)[0]
    question = "/api/v1/query?query=up"
    for path in ("/status.html", "/dashboards.html", "/dashboards.json", question):
        assert people(made, node, path).endswith("401"), path
        assert people(made, node, path, "another").endswith("401"), path
        assert people(made, node, path, password).endswith("200"), path
    assert '"status":"success"' in people(made, node, question, password)
    for path in ("/api/v1/admin/tsdb/snapshot", "/api/v1/status/config", "/-/reload", "/metrics"):
        assert people(made, node, path, password).endswith("404"), path
    assert people(made, node, question, password, "--request", "POST").endswith("403")


def test_every_question_of_the_dashboards_is_one_that_prometheus_understands(made: Fleet) -> None:
    node = watching(made)[0]
    boards = json.loads(node.run("cat", "/var/www/socle/dashboards.json"))
    charts = [chart for board in boards for chart in board["charts"]]
    assert len(charts) > 15
    for chart in charts:
        asked(node, chart["query"])  # an error has no data


def test_an_alert_fires_when_a_target_stops_and_ends_when_it_is_back(made: Fleet) -> None:
    node, password = watching(made)[1], vault.open_vault(made.loaded, made.topology).token("dashboards_password")
    firing = f'ALERTS{{alertname="TargetDown",node="{TURN}",job="node",alertstate="firing"}}'
    assert not asked(node, firing)
    made.nodes[TURN].run("systemctl", "stop", "prometheus-exporter-exporter.service")
    try:
        until(lambda: value(node, firing) == 1, "the alert", 240)
        until(lambda: TURN in known(node), "the alert in Alertmanager", 60)
        until(lambda: f"{TURN} ne répond plus (node)" in mails(made), "the mail", 180)
        assert PEOPLE in mails(made)
        until(lambda: f"{TURN} ne répond plus (node)" in people(made, node, "/status.html", password), "the page", 150)
    finally:
        made.nodes[TURN].run("systemctl", "start", "prometheus-exporter-exporter.service")
    until(lambda: not asked(node, firing), "its end", 60)


def mails(made: Fleet) -> str:
    return quopri.decodestring(made.nodes[MIRROR].run("cat", "/var/log/mails", check=False).encode()).decode(
        errors="replace"
    )


def known(node: Node) -> str:
    """Alerts that Alertmanager has."""
    return node.run(
        "amtool", "--alertmanager.url=http://127.0.0.1:9093", "alert", "query", "alertname=TargetDown", "-o", "json"
    )


def test_the_alertmanagers_know_each_other(made: Fleet) -> None:
    for node in watching(made):

        def peers(node: Node = node) -> int:
            said = json.loads(node.run("curl", "-sS", "http://127.0.0.1:9093/api/v2/status"))
            return len(said["cluster"]["peers"])

        until(lambda peers=peers: peers() == 2, "two Alertmanagers", 60)


def test_promtool_tries_every_alert_just_above_and_just_below_its_threshold(made: Fleet) -> None:
    node, told = watching(made)[0], watched(made.loaded, made.topology)
    assert told
    rules = [
        rule for file in RULES for group in yaml.safe_load(node.run("cat", file))["groups"] for rule in group["rules"]
    ]
    assert {rule["alert"] for rule in rules if "alert" in rule} == set(alerts.cases(told["limits"]))
    nodes.written(node, "/root/alerts.yml", yaml.safe_dump(alerts.promtool(told["limits"], RULES)))
    assert "SUCCESS" in node.run("promtool", "test", "rules", "/root/alerts.yml")


@pytest.mark.parametrize("stack", [stack for stack in STACKS if derive(load_stack(stack)).has("monitoring")])
def test_every_stack_s_files_are_accepted_by_who_reads_them(made: Fleet, stack: str) -> None:
    """As they are rendered, in a folder of their own: the certificates that they name are this node's."""
    node, loaded = watching(made)[0], load_stack(stack)
    texts: dict[str, str] = {
        path: text for (tier, path), text in render.render(loaded, derive(loaded)).items() if tier == "monitoring"
    }
    folder = f"/root/{stack}"
    for path, text in texts.items():
        if path.startswith("/etc/prometheus/") and "/tls/" not in path and "/client/" not in path:
            nodes.written(node, folder + path, text.replace("/etc/prometheus/rules", f"{folder}/etc/prometheus/rules"))
    own = f"{folder}/etc/prometheus"
    commands: list[tuple[str, ...]] = [
        ("promtool", "check", "config", "--lint-fatal", f"{own}/prometheus.yml"),
        ("amtool", "check-config", f"{own}/alertmanager.yml"),
        ("prometheus-blackbox-exporter", "--config.check", f"--config.file={own}/blackbox.yml"),
    ]
    for command in commands:
        node.run(*command)
    told: Any = watched(loaded, derive(loaded))
    rules = [f"{folder}{file}" for file in RULES]
    nodes.written(node, f"{folder}/alerts.yml", yaml.safe_dump(alerts.promtool(told["limits"], rules)))
    assert "SUCCESS" in node.run("promtool", "test", "rules", f"{folder}/alerts.yml")
