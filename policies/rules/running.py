"""What nodes say of themselves once configured: firewall, accounts, secret files, images, packages, system."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from policies import targets
from policies.probes import checks
from socle.policy.model import Facts, Model
from socle.policy.mutation import Mutation, in_facts, in_probes
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule
from socle.topology.openings import openings

PRIVATE = re.compile(r"(\.key|\.secret|keys\.yaml|users\.acl|turnserver\.conf|livekit\.yaml)$")
OF_NO_FLOW = {"", "neighbours", "packets too big"}  # rules that let ICMP through
SHELLS = {"root", "sync"}  # besides the operator; root is locked


def _unread(facts: Facts, part: str, wanted: Any) -> Outcome | None:
    if facts.data is None or facts.data.get(part) is None:
        return unknown(f"{part} were not read on this node", settled_in="runtime", expected=wanted)
    return None


def _says(tier: str | None = None, **values: Any) -> Mutation:
    return in_facts(lambda facts: facts.update(values), tier=tier)


@rule("NET-11", phase="runtime", on=targets.nodes, broken_by=_says(firewall=[
    {"chain": {"name": "input", "hook": "input", "policy": "accept"}}]))  # fmt: skip
def the_firewall_in_force(facts: Facts, model: Model) -> Outcome:
    wanted = "input, forward and output drop; a rule for each flow of the matrix, no other"
    if absent := _unread(facts, "firewall", wanted):
        return absent
    problems = list(_firewall(facts, model))
    return judged(not problems, problems or "as the matrix", wanted)


def _firewall(facts: Facts, model: Model) -> Iterator[str]:
    entries = (facts.data or {})["firewall"]
    chains = [entry["chain"] for entry in entries if "chain" in entry]
    policies = {chain["hook"]: chain.get("policy") for chain in chains if "hook" in chain and not chain.get("prio")}
    for hook in ("input", "forward", "output"):
        if policies.get(hook) != "drop":
            yield f"{hook}: {policies.get(hook) or 'no chain'}"
    rules_ = [entry["rule"] for entry in entries if "rule" in entry]
    named = {str(r.get("comment") or "") for r in rules_ if any("accept" in part for part in r.get("expr", ()))}
    flows = {one.flow for one in openings(model.topology, facts.tier)}
    if missing := sorted(flows - named):
        yield f"flows without a rule: {', '.join(missing)}"
    if strange := sorted(named - flows - OF_NO_FLOW):
        yield f"rules of no flow: {', '.join(strange)}"


@rule("HST-09", phase="runtime", on=targets.nodes, broken_by=_says(accounts={
    "with_shell": ["root", "debian", "guest"], "with_password": ["guest"], "root_locked": True}))  # fmt: skip
def accounts_are_the_operator_s(facts: Facts, model: Model) -> Outcome:
    wanted = "root locked, no password, a shell for the operator alone"
    if absent := _unread(facts, "accounts", wanted):
        return absent
    said = (facts.data or {})["accounts"]
    operator = model.loaded.cloud.images[model.loaded.release.operating_system].user
    problems = [
        *([] if said["root_locked"] else ["root is not locked"]),
        *(f"password of {user}" for user in said["with_password"]),
        *(f"shell of {user}" for user in said["with_shell"] if user not in SHELLS | {operator}),
    ]
    return judged(not problems, problems or f"root locked, no password, {operator} alone", wanted)


@rule("IAM-08", phase="runtime", on=targets.nodes, broken_by=_says(files={
    "/etc/livekit/keys.yaml": {"owner": "root", "group": "root", "mode": "0644"}}))  # fmt: skip
def secret_files_are_private(facts: Facts, _model: Model) -> Outcome:
    wanted = "0640 or stricter"
    if absent := _unread(facts, "files", wanted):
        return absent
    secret = {path: info for path, info in (facts.data or {})["files"].items() if info and PRIVATE.search(path)}
    if not secret:
        return not_applicable("no secret file on this node")
    open_ = [f"{path} {info['mode']}" for path, info in secret.items() if int(info["mode"], 8) & 0o137]
    return judged(not open_, open_ or [f"{path} {info['mode']}" for path, info in secret.items()], wanted)


@rule("CTR-07", phase="runtime", on=targets.nodes_of("media"), key=("release",), broken_by=_says("media", images=[
    {"names": ["x"], "digests": ["x@sha256:" + "0" * 64]}]))  # fmt: skip
def images_that_run_are_the_release_s(facts: Facts, model: Model) -> Outcome:
    wanted = "digests of the release"
    if absent := _unread(facts, "images", wanted):
        return absent
    known = {entry.digest for entry in model.loaded.release.images.values() if entry.digest}
    images = (facts.data or {})["images"]
    if not images or not known:
        return unknown("no image on the node, or no digest in the release", settled_in="runtime", expected=wanted)
    found = {str(digest).rpartition("@")[2] for image in images for digest in image["digests"] if digest}
    return judged(bool(found & known) and found <= known, sorted(found), wanted)


@rule("GOV-06", phase="runtime", on=targets.nodes, broken_by=_says(packages={}))
def software_is_listed(facts: Facts, _model: Model) -> Outcome:
    wanted = "a list of packages for every node, of the same run"
    if absent := _unread(facts, "packages", wanted):
        return absent
    count = len((facts.data or {})["packages"])
    return judged(count > 0, f"{count} packages with their versions", wanted)


@rule(
    "CMP-02", phase="runtime", on=targets.nodes, key=("release",), broken_by=_says(os={"id": "debian", "version": "11"})
)
def the_system_is_the_release_s(facts: Facts, model: Model) -> Outcome:
    wanted = model.loaded.release.operating_system
    if absent := _unread(facts, "os", wanted):
        return absent
    said = (facts.data or {})["os"]
    seen = f"{said.get('id')}-{said.get('version')}"
    return judged(seen == wanted, f"{seen} {said.get('debian') or ''}".strip(), wanted)


def _foreign_ice(probes: dict[str, Any]) -> None:
    probes["checks"].append(
        {"kind": "signalling", "subject": "join", "outcome": "fail", "node": None, "seen": "stun.elsewhere.example"}
    )


@rule("MED-10", phase="runtime", on=targets.stack, key=("domain",), broken_by=in_probes(_foreign_ice))
def announced_servers_are_ours(_stack: targets.Whole, model: Model) -> Outcome:
    wanted = "ICE servers of the stack alone, as a client is told"
    found = checks(model, "signalling")
    wrong = [str(check["seen"]) for check in found if check["outcome"] == "fail"]
    if wrong:
        return failed(wrong, wanted)
    if not found or any(check["outcome"] != "pass" for check in found):
        return unknown("no client joined", settled_in="runtime", expected=wanted)
    return passed([str(check["seen"]) for check in found], wanted)
