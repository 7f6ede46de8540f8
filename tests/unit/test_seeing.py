"""Logs and measurements: what a stack asks for, and what becomes of it; the judges, each on what it must refuse."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from policies.rules import logs, watching
from socle.errors import InputError
from socle.nodes import render
from socle.policy.model import File, Model
from socle.policy.outcome import Status
from socle.stack import load_stack
from socle.topology import derive
from socle.topology.watched import RELAY_QUOTA, watched
from tests.conftest import ROOT
from tests.models import intended

Write = Callable[..., Path]
SENDER, DOOR = logs.SENDER, watching.DOOR
NODE = "/etc/default/prometheus-node-exporter"


# --- what a stack asks for -------------------------------------------------------------------------------------------


def test_a_collector_that_the_cloud_file_does_not_place_is_refused(stack_file: Write) -> None:
    file = stack_file(monitoring={"logs_to": "collecte.ailleurs.example"})
    with pytest.raises(InputError) as refused:
        derive(load_stack(str(file)))
    assert refused.value.code == "SOC-1229"
    assert refused.value.where
    assert refused.value.where.line > 1


def test_logs_go_on_to_the_ministry_s_collector_through_the_mirror_alone(stack_file: Write) -> None:
    with_it = derive(load_stack(str(stack_file(monitoring={"logs_to": "collecte.dgfip.example"}))))
    ways = [(flow.source, str(flow.target)) for flow in with_it.flows if flow.name in ("logs-onward", "upstream-logs")]
    assert ways == [("logs", "mirror"), ("mirror", "log collector")]
    without = derive(load_stack(str(stack_file())))
    assert not {"logs-onward", "upstream-logs"} & {flow.name for flow in without.flows}


def test_one_log_node_alone_passes_lines_on() -> None:
    loaded = load_stack("dgfip")
    topology = derive(loaded)
    from socle.nodes import outputs, variables

    made = outputs.placeholders(topology)
    common = variables.common(loaded, topology, made, "key", "trust\n")
    common["secrets"] = render.placeholder_secrets(topology)
    texts = [
        render.node_files("logs", {**common, **variables.of_node(topology, node, made), **render.FOUND})[SENDER]
        for node in topology.tier("logs").nodes
    ]
    assert len(texts) > 1
    assert ['name="onward"' in text for text in texts] == [True] + [False] * (len(texts) - 1)
    assert all(text.count('type="omrelp"') == len(texts) - 1 for text in texts)


def test_nobody_has_a_node_certificate_where_nobody_collects() -> None:
    names = {secret.name for secret in derive(load_stack("demo")).secrets}
    assert not [name for name in names if name.startswith("node_certificate_") or "monitoring" in name]
    topology = derive(load_stack("twozones"))
    for tier in topology.tiers:
        secret = next(one for one in topology.secrets if one.name == f"node_certificate_{tier.name}")
        assert secret.tiers == (tier.name,)
        assert secret.client
        assert set(secret.names) == {f"{tier.name}.nodes.{topology.domain}", *(node.address for node in tier.nodes)}


def test_what_is_measured_is_there() -> None:
    assert watched(load_stack("demo"), derive(load_stack("demo"))) is None
    loaded = load_stack("twozones")
    told: Any = watched(loaded, derive(loaded))
    there = {tier.name for tier in derive(loaded).tiers}
    assert told["exporters"]["node"] == [tier.name for tier in derive(loaded).tiers]
    assert {tier for tiers in told["exporters"].values() for tier in tiers} <= there


def test_the_relay_s_quota_is_the_one_that_coturn_has() -> None:
    text = (ROOT / "playbooks" / "roles" / "turn" / "templates" / "turnserver.conf.j2").read_text()
    assert f"\ntotal-quota={RELAY_QUOTA}\n" in text


# --- what becomes of it ----------------------------------------------------------------------------------------------


def test_a_password_is_kept_as_nginx_reads_it() -> None:
    ssha = render._rendering().ssha
    kept = ssha("a secret")
    assert kept == ssha("a secret") != ssha("another")
    raw = base64.b64decode(kept.removeprefix("{SSHA}"))
    assert raw[:20] == hashlib.sha1(b"a secret" + raw[20:], usedforsecurity=False).digest()
    assert len(raw) == 28


def kept() -> Any:
    """The program that a log node runs at night."""
    source = (ROOT / "playbooks" / "roles" / "logs" / "templates" / "kept.py.j2").read_text()
    space: dict[str, Any] = {"__name__": "kept"}
    exec(compile(source, "kept.py", "exec"), space)
    return SimpleNamespace(**space)


def test_logs_are_compressed_after_their_day_and_removed_after_their_time(tmp_path: Path) -> None:
    now = datetime(2026, 11, 25, 0, 40, tzinfo=UTC)
    folder = tmp_path / "a-node"
    folder.mkdir()
    for ago in (0, 1, 2, 10, 11, 400):
        (folder / f"{now - timedelta(days=ago):%Y-%m-%d}.log").write_text(f"{ago} days ago\n")
    (folder / "2020-01-01.log.gz").write_bytes(b"")
    (folder / "notes.txt").write_text("somebody's own")
    (folder / "2026-11-24.log").chmod(0o640)
    for _again in range(2):
        kept().keep(tmp_path, 10, now)
        assert sorted(path.name for path in folder.iterdir()) == [
            "2026-11-15.log.gz", "2026-11-23.log.gz", "2026-11-24.log.gz", "2026-11-25.log", "notes.txt"
        ]  # fmt: skip
    packed = folder / "2026-11-24.log.gz"
    assert gzip.decompress(packed.read_bytes()) == b"1 days ago\n"
    assert packed.stat().st_mode & 0o777 == 0o640


def test_a_day_that_was_half_compressed_is_compressed_again(tmp_path: Path) -> None:
    """Killed between the new file and the old one's end: the log is whole, and nothing is lost or there twice."""
    folder = tmp_path / "a-node"
    folder.mkdir()
    (folder / "2026-11-24.log").write_text("whole\n")
    (folder / "2026-11-24.log.gz").write_bytes(gzip.compress(b"whole\n"))
    (folder / ".2026-11-24.log.gz.part").write_bytes(b"half")
    kept().keep(tmp_path, 10, datetime(2026, 11, 25, tzinfo=UTC))
    assert [path.name for path in folder.iterdir()] == ["2026-11-24.log.gz"]
    assert gzip.decompress((folder / "2026-11-24.log.gz").read_bytes()) == b"whole\n"


# --- the judges ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model() -> Model:
    return intended("twozones")


def spoilt(model: Model, tier: str, path: str, old: str, new: str) -> File:
    file = model.file(tier, path)
    assert file.text
    assert old in file.text
    return replace(file, text=file.text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('tls="on"', 'tls="off"', "tls off"),
        ('tls.authMode="name"', 'tls.authMode="fingerprint"', "tls.authmode fingerprint"),
        ('queue.type="Disk"', 'queue.type="Direct"', "queue.type Direct"),
        ('action.resumeRetryCount="-1"', 'action.resumeRetryCount="3"', "action.resumeretrycount 3"),
        ('type="omrelp"', 'type="omfwd"', "type omfwd"),
        ('tls.permittedPeer=["logs.nodes', 'tls.other=["logs.nodes', "tls.permittedpeer unset"),
        ('target="10.65.16.10"', 'target="10.65.16.99"', "nothing is sent to it"),
    ],
)
def test_a_way_of_the_logs_that_is_not_safe_is_seen(model: Model, old: str, new: str, said: str) -> None:
    good = logs.logs_travel_safely(model.file("edge", SENDER), model)
    assert good.status is Status.PASSED
    bad = logs.logs_travel_safely(spoilt(model, "edge", SENDER, old, new), model)
    assert bad.status is Status.FAILED
    assert said in str(bad.seen)


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (DOOR, "-web.listen-address= ", "-web.listen-address=:9999 "),
        (DOOR, "-web.tls.verify ", ""),
        (DOOR, "-web.tls.certmatch=^monitoring", "-web.tls.certmatch=^.*"),
        (NODE, "--web.listen-address=127.0.0.1:", "--web.listen-address=:"),
        (NODE, "--web.listen-address=127.0.0.1:9100 ", ""),
    ],
)
def test_a_measurement_for_others_is_seen(model: Model, path: str, old: str, new: str) -> None:
    judge = watching.measurements_are_for_the_monitoring_nodes
    assert judge(model.file("edge", path), model).status is Status.PASSED
    assert judge(spoilt(model, "edge", path, old, new), model).status is Status.FAILED
    assert judge(File("edge", path, None), model).status is Status.FAILED


def test_an_alert_on_full_disks_that_comes_late_is_seen(model: Model) -> None:
    path = "/etc/prometheus/rules/capacity.yml"
    judge = logs.journals_have_limits
    assert judge(model.file("monitoring", path), model).status is Status.PASSED
    file = model.file("monitoring", path)
    late = re.sub(r"(alert: DiskFilling\n[^\n]+ > )0\.8", r"\g<1>0.99", file.text or "")
    assert late != file.text
    assert judge(replace(file, text=late), model).status is Status.FAILED
    assert judge(spoilt(model, "monitoring", path, "alert: DiskFilling", "alert: Other"), model).status is Status.FAILED
