"""What a running stack shows to others: sockets, open ports, failed units."""

from __future__ import annotations

from typing import Any

from policies import targets
from policies.probes import checks
from socle.policy.model import Facts, Model
from socle.policy.mutation import Mutation, in_facts, in_probes
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule

ANYWHERE = "0.0.0.0"  # noqa: S104  what a node says, not what we bind
ENCRYPTED = ("https", "ssh", "metrics")  # flows of an edge: TLS, or SSH


def _listening(change: dict[str, Any]) -> Mutation:
    return in_facts(lambda facts: facts["sockets"].append(change), tier="edge")


@rule(
    "HST-27",
    phase="runtime",
    on=targets.nodes,
    broken_by=_listening({"protocol": "tcp", "address": ANYWHERE, "port": 5900, "process": "x"}),
)
def sockets_within_the_matrix(facts: Facts, model: Model) -> Outcome:
    wanted = "sockets of the flow matrix, or on loopback"
    sockets = (facts.data or {}).get("sockets")
    if sockets is None:
        return unknown("listening sockets were not read", settled_in="runtime", expected=wanted)
    strangers = [s for s in sockets if not _expected_socket(s, facts.tier, model)]
    seen = [f"{s['protocol']} {s['address']}:{s['port']} {s.get('process', '')}".strip() for s in strangers]
    return judged(not strangers, seen or f"{len(sockets)} sockets", wanted)


def _expected_socket(socket: dict[str, Any], tier: str, model: Model) -> bool:
    address, port = str(socket["address"]).partition("%")[0].strip("[]"), int(socket["port"])
    if address.startswith("127.") or address in ("::1", "::ffff:127.0.0.1"):
        return True
    return any(f.protocol == socket["protocol"] and f.first <= port <= f.last for f in model.topology.flows.into(tier))


@rule(
    "HST-19",
    phase="runtime",
    on=targets.nodes,
    broken_by=in_facts(lambda facts: facts.update(failed_units=["nginx.service"])),
)
def nothing_failed(facts: Facts, _model: Model) -> Outcome:
    failed_units = (facts.data or {}).get("failed_units")
    if failed_units is None:
        return unknown("units were not read", settled_in="runtime", expected="no failed unit")
    if failed_units:
        return failed([f"{unit} failed" for unit in failed_units], "no failed unit")
    return unknown(
        "no failed unit; packages are not compared with a list yet", settled_in="process", expected="no extra package"
    )


@rule(
    "TLS-13",
    phase="runtime",
    on=targets.nodes_of("edge"),
    broken_by=_listening({"protocol": "tcp", "address": ANYWHERE, "port": 8080, "process": "nginx"}),
)
def no_clear_text_service(facts: Facts, model: Model) -> Outcome:
    sockets = (facts.data or {}).get("sockets")
    encrypted = {flow.first for flow in model.topology.flows.into("edge") if flow.name in ENCRYPTED}
    wanted = "443, SSH and the TLS door of metrics alone outside loopback; 80 only to redirect"
    if sockets is None:
        return unknown("listening sockets were not read", settled_in="runtime", expected=wanted)
    clear = [s for s in sockets if s["protocol"] == "tcp" and int(s["port"]) not in {80, *encrypted}
             and not str(s["address"]).strip("[]").startswith(("127.", "::1"))]  # fmt: skip
    return judged(not clear, [f"{s['address']}:{s['port']}" for s in clear] or "nothing in clear", wanted)


def _a_port_too_many(probes: dict[str, Any]) -> None:
    node = next(check["node"] for check in probes["checks"] if check["kind"] == "ports")
    seen = "open and in no flow: 5900"
    probes["checks"].append({"kind": "ports", "subject": "tcp", "outcome": "fail", "node": node, "seen": seen})


@rule(
    "GOV-07",
    phase="runtime",
    on=lambda model: tuple(node.name for node in model.topology.nodes),
    broken_by=in_probes(_a_port_too_many),
)
def open_ports_are_in_the_matrix(node: str, model: Model) -> Outcome:
    wanted = "open ports and sockets in the flow matrix, reachable flows answering"
    here = [c for c in checks(model, "flow", "ports", "sockets") if c.get("node") == node]
    wrong = [f"{c['subject']}: {c['seen']}" for c in here if c["outcome"] == "fail"]
    if wrong:
        return failed(wrong, wanted)
    if not model.topology.tier(model.topology.node(node).tier).public and not here:
        return (
            not_applicable("no public address: nothing to reach from outside") if _probed(model) else _unprobed(wanted)
        )
    if not here or any(c["outcome"] == "unknown" for c in here):
        return unknown(
            next((c["seen"] for c in here if c["outcome"] == "unknown"), "not probed"),
            settled_in="runtime",
            expected=wanted,
        )
    return passed([f"{c['subject']}: {c['seen']}" for c in here], wanted)


def _probed(model: Model) -> bool:
    return bool(checks(model, "flow", "ports"))


def _unprobed(wanted: str) -> Outcome:
    return unknown("not probed", settled_in="runtime", expected=wanted)


def _bastion_fails(probes: dict[str, Any]) -> None:
    for check in probes["checks"]:
        if check["subject"] == "administration":
            check.update(outcome="fail")


@rule(
    "NET-02",
    phase="runtime",
    on=lambda model: tuple(node.name for node in model.topology.nodes if node.tier == "bastion"),
    key=("access", "from"),
    broken_by=in_probes(_bastion_fails),
)
def the_bastion_answers_with_its_pinned_key(node: str, model: Model) -> Outcome:
    wanted = "SSH answers with the pinned key, public-key authentication alone"
    for check in checks(model, "flow"):
        if check["subject"] == "administration" and check.get("node") == node:
            if check["outcome"] == "unknown":
                return unknown(check["seen"], settled_in="runtime", expected=wanted)
            return judged(check["outcome"] == "pass", check["seen"], wanted)
    return unknown("not probed", settled_in="runtime", expected=wanted)
