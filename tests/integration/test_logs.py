"""The log tier on nodes of this machine: what a node says arrives, over TLS, under its own name; nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from socle.nodes import certificates
from socle.stack.cloud import Collector
from socle.topology.model import Secret
from tests.integration import nodes
from tests.integration.nodes import Fleet, Node, until

pytestmark = pytest.mark.skipif(bool(nodes.why_not()), reason=nodes.why_not() or "-")
SENDER = "twozones-bastion-zone-1-1"
MIRROR, COLLECTOR = "twozones-mirror-zone-1-1", "collecte.ministere.example"
LINES = 2000
# The ministry's collector, at the address of the mirror node that passes the connection on as it is.
ELSEWHERE = """
global(defaultNetstreamDriver="gtls" defaultNetstreamDriverCAFile="/etc/collector/ca.pem"
       defaultNetstreamDriverCertFile="/etc/collector/c.crt" defaultNetstreamDriverKeyFile="/etc/collector/c.key")
module(load="imtcp" StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="x509/name"
       PermittedPeer=["logs.nodes.visio.deuxzones.example"])
input(type="imtcp" port="{port}")
action(type="omfile" file="/var/log/got.log" template="RSYSLOG_SyslogProtocol23Format")
"""
# Asks as rsyslog does (RELP's first frame): prints what it is answered, or why it is not. Arguments: address, port, and
# the folder of a certificate, or nothing.
ASK = r"""
import socket, ssl, sys
context = ssl.create_default_context(cafile="/etc/rsyslog-socle/ca.pem")
context.check_hostname = False
if len(sys.argv) > 3:
    context.load_cert_chain(sys.argv[3] + "/node.crt", sys.argv[3] + "/node.key")
offer = b"relp_version=0\nrelp_software=test\ncommands=syslog"
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 5) as plain:
        with context.wrap_socket(plain) as channel:
            channel.sendall(b"1 open %d %s\n" % (len(offer), offer))
            print("answer:", channel.recv(200)[:9])
except OSError as error:
    print("refused:", type(error).__name__)
"""


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("logs")
        patch.setenv("SOCLE_STATE", str(folder / "state"))
        yield folder


@pytest.fixture(scope="module")
def made(private: Path) -> Iterator[Fleet]:
    """Both log nodes, and one that sends to them."""
    with nodes.fleet(nodes.two_zones(private), "logs", private, nodes.SEEING) as found:
        found.boot(SENDER)
        configured(found)
        yield found


@pytest.fixture(autouse=True)
def state(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The module's own: every test is given another by default."""
    monkeypatch.setenv("SOCLE_STATE", str(private / "state"))


def collectors(made: Fleet) -> list[Node]:
    return [node for name, node in made.nodes.items() if "-logs-" in name]


def configured(made: Fleet) -> int:
    """How much the roles changed."""
    rows = made.play(roles=["journal"])
    rows_of_logs = made.play(*(node.name for node in collectors(made)), roles=["logs"])
    return sum(row["changed"] for row in (*rows.values(), *rows_of_logs.values()))


def kept(collector: Node, of: str) -> str:
    return collector.run("sh", "-c", f"cat /var/log/collected/{of}/*.log", check=False)


def arrived(made: Fleet, text: str, of: str = SENDER) -> bool:
    return all(text in kept(collector, of) for collector in collectors(made))


def test_a_second_run_changes_nothing(made: Fleet) -> None:
    assert configured(made) == 0


def test_a_line_of_every_node_is_on_every_log_node_under_its_own_name(made: Fleet) -> None:
    made.play(roles=["journal"], tasks="verify")
    for node in made.nodes.values():
        node.run("logger", "--tag", "trial", "--priority", "auth.warning", f"said by {node.name}")
        until(lambda node=node: arrived(made, f"said by {node.name}", node.name), f"the line of {node.name}", 30)
    line = next(one for one in kept(collectors(made)[0], SENDER).splitlines() if f"said by {SENDER}" in one)
    assert re.fullmatch(rf"20\S+T\S+ {SENDER} auth\.warning trial(\[\d+\])? said by {SENDER}", line), line


def test_who_says_to_be_another_is_kept_under_its_own_address(made: Fleet) -> None:
    """The line's host name is the sender's word; the folder is not."""
    node = made.nodes[SENDER]
    node.run("hostname", "twozones-database-zone-1-1")
    node.run("systemctl", "restart", "rsyslog.service")
    try:
        node.run("logger", "under a false name")
        until(lambda: arrived(made, "under a false name"), "the line", 30)
        for collector in collectors(made):
            assert "twozones-database" not in collector.run("ls", "/var/log/collected")
    finally:
        node.run("hostname", SENDER)
        node.run("systemctl", "restart", "rsyslog.service")


def test_what_is_kept_is_for_root_and_the_group_adm_alone(made: Fleet) -> None:
    for collector in collectors(made):
        found = collector.run("find", "/var/log/collected", "-printf", "%m %u %g %y\n").splitlines()
        assert set(found) == {"750 root adm d", "640 root adm f"}


def test_a_stranger_is_turned_away(made: Fleet) -> None:
    node, port = made.nodes[SENDER], str(made.topology.flows.get("logs").port)
    for collector in collectors(made):
        known = node.run("python3", "-c", ASK, collector.address, port, "/etc/rsyslog-socle")
        assert known.startswith("answer: b'1 rsp"), known
        stranger = node.run("python3", "-c", ASK, collector.address, port)
        assert not stranger.startswith("answer: b'1 rsp"), stranger


def test_while_the_log_nodes_are_away_nothing_is_lost(made: Fleet) -> None:
    """Their hosts are lost; once the sender has noticed, it is restarted, then killed. (A line on its way at that very
    moment is in its memory alone.)"""
    sender, names = made.nodes[SENDER], [node.name for node in collectors(made)]
    for name in names:
        made.die(name)

    def noticed() -> bool:
        sender.run("logger", "on its way to nobody")
        said = sender.journal("rsyslog.service")
        return all(f"to-{name}' suspended" in said for name in names)

    until(noticed, "the sender to notice", 90)
    for first, what in ((0, "restart"), (LINES // 2, "kill --signal=KILL")):
        numbered = f"seq --format 'numbered <%.0f>' {first} {first + LINES // 2 - 1}"
        sender.run("sh", "-c", f"{numbered} | systemd-cat -t trial")
        until(lambda: queued(sender), "the lines on the disk", 30)
        sender.run("systemctl", *what.split(), "rsyslog.service")
    for name in names:
        made.boot(name)
    wanted = set(range(LINES))

    def all_there() -> bool:
        return all(set(numbers(kept(collector, SENDER))) == wanted for collector in collectors(made))

    until(all_there, f"{LINES} lines on both log nodes", 120)
    twice = [len(numbers(kept(collector, SENDER))) - LINES for collector in collectors(made)]
    print(f"\n{LINES} lines while the log nodes were away: none lost, sent twice: {twice}")  # noqa: T201


def test_a_log_node_that_could_not_prove_itself_gets_the_lines_once_it_can(made: Fleet) -> None:
    """rsyslog alone would never ask again: its limit of processor time is what makes it. Here, of a few seconds."""
    sender = made.nodes[SENDER]
    limit = sender.run("systemctl", "show", "rsyslog.service", "--property=LimitCPUSoft", "--value")
    assert 0 < int(limit) <= 600
    stranger = Secret("stranger", "certificate", (), ("logs.nodes.visio.ailleurs.example",))
    pair = certificates.current_or_new(made.loaded, stranger, None, datetime.now(UTC))
    files = {f"/etc/rsyslog-socle/node.{end}": pair[what] for end, what in (("crt", "certificate"), ("key", "key"))}
    for collector in collectors(made):
        for file, text in files.items():
            collector.run("mv", file, f"{file}.good")
            nodes.written(collector, file, text)
        collector.run("systemctl", "restart", "rsyslog.service")
    soon = "/run/systemd/system/rsyslog.service.d/soon.conf"
    nodes.written(sender, soon, "[Service]\nLimitCPU=4\n")
    begins_anew(sender)
    sender.run("logger", "said to strangers")
    until(lambda: "DISABLING action" in sender.journal("rsyslog.service"), "the sender to notice", 60)
    for collector in collectors(made):
        for file in files:
            collector.run("mv", f"{file}.good", file)
        collector.run("systemctl", "restart", "rsyslog.service")
    until(lambda: arrived(made, "said to strangers"), "the line on both log nodes", 60)
    sender.run("rm", soon)
    begins_anew(sender)


def begins_anew(node: Node) -> None:
    node.run("systemctl", "daemon-reload")
    node.run("systemctl", "restart", "rsyslog.service")


def numbers(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"numbered <(\d+)>", text)]


def queued(sender: Node) -> bool:
    return bool(sender.run("sh", "-c", "find /var/spool/rsyslog -name 'to-*' -size +8k").split())


def test_a_day_is_compressed_when_it_is_over_and_removed_when_it_is_old(made: Fleet) -> None:
    collector, days = collectors(made)[0], made.loaded.stack.retention.logs
    now = datetime.now(UTC)
    day = {ago: f"{now - timedelta(days=ago):%Y-%m-%d}" for ago in (0, 1, days, days + 1)}
    folder = "/var/log/collected/twozones-edge-zone-1-1"
    collector.run("install", "-d", "-m", "750", "-g", "adm", folder)
    for name in day.values():
        collector.run("sh", "-c", f"echo of {name} > {folder}/{name}.log; chmod 640 {folder}/*; chgrp adm {folder}/*")
    for _again in range(2):
        collector.run("systemctl", "start", "logs-kept.service")
        found = collector.run("sh", "-c", f"cd {folder}; stat -c '%n %a %U %G' *").splitlines()
        assert found == [
            f"{day[days]}.log.gz 640 root adm", f"{day[1]}.log.gz 640 root adm", f"{day[0]}.log 640 root adm"
        ]  # fmt: skip
    assert collector.run("zcat", f"{folder}/{day[1]}.log.gz") == f"of {day[1]}\n"
    made.play(collector.name, roles=["logs"], tasks="verify")
    collector.run("sh", "-c", f"touch {folder}/2020-01-01.log; chmod 640 {folder}/*")
    with pytest.raises(RuntimeError, match="was to be removed"):
        made.play(collector.name, roles=["logs"], tasks="verify")
    collector.run("rm", f"{folder}/2020-01-01.log")


def test_lines_go_on_to_the_ministry_s_collector(private: Path) -> None:
    """Over TLS that both ends prove themselves in; while the collector is away they wait."""
    folder = private / "onward"
    folder.mkdir()
    alone = {"logs": {"nodes": 1, "reason": "one node alone keeps everything, and passes it on"}}
    stack = nodes.two_zones(folder, overrides=alone, monitoring={"logs_to": COLLECTOR})
    server = Collector(address=IPv4Address("203.0.113.99"), name=COLLECTOR)
    with nodes.fleet(stack, "logs", folder, nodes.SEEING, logs=server) as found:
        mirror, (collector,) = found.boot(MIRROR), collectors(found)
        found.play(collector.name, roles=["journal", "logs"])
        collector.run("logger", "said before the collector is there")
        given = Secret("collector", "certificate", (), (COLLECTOR,))
        pair = certificates.current_or_new(found.loaded, given, None, datetime.now(UTC))
        texts = {
            "ca.pem": (folder / "ca.pem").read_text(), "c.crt": pair["certificate"], "c.key": pair["key"],
            "rsyslog.conf": ELSEWHERE.format(port=found.topology.flows.get("logs-onward").port),
        }  # fmt: skip
        for name, text in texts.items():
            nodes.written(mirror, f"/etc/collector/{name}", text)
        mirror.run("systemd-run", "--unit=collector", "rsyslogd", "-n", "-i/run/c.pid", "-f/etc/collector/rsyslog.conf")
        collector.run("logger", "said when the collector is there")
        for line in ("said before the collector is there", "said when the collector is there"):
            until(lambda line=line: line in mirror.run("cat", "/var/log/got.log", check=False), line, 60)
