"""Who may ask for measurements, and over what: MED-13."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from policies import targets
from policies.formats import yaml_of
from socle.policy.model import Facts, File, Model
from socle.policy.mutation import added_to_file, in_facts
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule

TIER, DOOR, LIVEKIT = "monitoring", "/etc/default/prometheus-exporter-exporter", "livekit.yaml"
NONE = "no monitoring node is deployed, and nothing is measured"
MEASURING = ("prometheus", "alertmanager", "exporter", "blackbox", "node_exporter", "redis_exporter", "grafana")
MAY_ASK = {TIER, "bastion"}  # the bastion's way leads to the dashboards
ANYWHERE = "0.0.0.0"  # noqa: S104  what a mutation makes a node say
LISTENS = re.compile(r"-web\.listen-address=(\S*)")


def _measuring(model: Model) -> Iterator[File]:
    """The door of every tier's nodes, the exporters behind it, and LiveKit, which has metrics of its own."""
    yield from targets.file_of_every_tier(DOOR)(model)
    for tier in model.topology.tiers:
        yield from (one for one in model.files_of(tier.name) if _exporter(one.path))
    yield model.file("media", LIVEKIT)


def _exporter(path: str) -> bool:
    return path != DOOR and bool(re.match(r"/etc/default/prometheus(-[a-z]+)*$", path))


@rule("MED-13", phase="config", on=_measuring,
      broken_by=added_to_file("media", LIVEKIT, "prometheus: {port: 9999}"))  # fmt: skip
def measurements_are_for_the_monitoring_nodes(file: File, model: Model) -> Outcome:
    wanted = "exporters on loopback; beyond it the monitoring nodes' certificate, or a password where there is no TLS"
    if file.path.endswith(LIVEKIT):
        return _of_livekit(file, wanted)
    if model.tier(TIER) is None:
        return not_applicable(NONE)
    if file.text is None:
        return failed("not rendered", wanted)
    return _of_door(file.text, wanted) if file.path == DOOR else _of_exporter(file.text, wanted)


def _of_livekit(file: File, wanted: str) -> Outcome:
    if file.text is None:
        return failed("not rendered", wanted)
    settings = yaml_of(file.text).get("prometheus") or {}
    if not settings.get("port"):
        return passed("LiveKit gives no metrics", wanted)
    known = bool(settings.get("username") and settings.get("password"))
    return judged(known, "with a password" if known else "LiveKit's metrics without a password", wanted)


def _of_door(text: str, wanted: str) -> Outcome:
    clear = [address for address in LISTENS.findall(text) if address]
    matched = re.search(r"-web\.tls\.certmatch=(\S+)", text)
    problems = [
        *(f"in clear on {address}" for address in clear),
        *([] if "-web.tls.verify" in text else ["no certificate is asked for"]),
        *([] if matched and "monitoring" in matched[1] else ["any certificate of the authority does"]),
    ]
    return judged(not problems, problems or "for the monitoring nodes' certificate", wanted)


def _of_exporter(text: str, wanted: str) -> Outcome:
    addresses = LISTENS.findall(text)
    beyond = [address for address in addresses if not address.startswith("127.0.0.1:")]
    if not addresses:
        return failed("listens where its package says", wanted)
    return judged(not beyond, f"listens on {', '.join(beyond or addresses)}", wanted)


def _one_more(facts: dict[str, Any]) -> None:
    facts["sockets"].append({"protocol": "tcp", "address": ANYWHERE, "port": 9101, "process": "prometheus-node"})


@rule("MED-13", phase="runtime", on=targets.nodes, broken_by=in_facts(_one_more))
def nobody_else_can_ask(facts: Facts, model: Model) -> Outcome:
    wanted = "what measures listens on loopback, or where the monitoring nodes alone are let in"
    sockets = (facts.data or {}).get("sockets")
    if sockets is None:
        return unknown("listening sockets were not read", settled_in="runtime", expected=wanted)
    open_to = [
        f"{socket['address']}:{socket['port']} {socket['process']}"
        for socket in sockets
        if _beyond_loopback(str(socket["address"]))
        and str(socket.get("process", "")).startswith(MEASURING)
        and not _for_monitoring(int(socket["port"]), facts.tier, model)
    ]
    return judged(not open_to, open_to or "none beyond", wanted)


def _beyond_loopback(address: str) -> bool:
    return not address.strip("[]").startswith(("127.", "::1", "::ffff:127."))


def _for_monitoring(port: int, tier: str, model: Model) -> bool:
    sources = {str(flow.source) for flow in model.topology.flows.into(tier) if flow.first <= port <= flow.last}
    return bool(sources) and sources <= MAY_ASK
