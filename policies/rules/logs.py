"""Logs that leave the node (LOG): how they travel, where they are kept, for how long, and who may read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from policies import targets
from policies.formats import last, pairs, sections
from socle.graph import Resource
from socle.graph.model import INSTANCE
from socle.policy.model import File, Model
from socle.policy.mutation import in_facts, in_file, inputs, on_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule
from socle.topology.model import Tier

TIER, SENDER, KEEPER, JOURNAL = "logs", "/etc/rsyslog.conf", "logs-kept.service", "journald.conf.d/kept.conf"
CAPACITY, FULL = "rules/capacity.yml", 0.8
SEEN_WITHIN = timedelta(hours=24)
NONE = "no log node is deployed"
# What makes a way to a log node near real-time, reliable and encrypted; RELP acknowledges each line.
WAY = {
    "type": ("omrelp",),
    "tls": ("on",),
    "tls.authmode": ("name",),
    "queue.type": ("Disk", "LinkedList", "FixedArray"),
    "action.resumeretrycount": ("-1",),
}


def _actions(text: str) -> list[Mapping[str, str]]:
    """The parameters of every `action(...)` of rsyslog, names in lower case; a list's elements with commas."""
    found: list[Mapping[str, str]] = []
    for body in re.findall(r"\baction\(((?:[^()\"]|\"[^\"]*\")*)\)", text):
        named = re.findall(r"([\w.]+)\s*=\s*(\[[^\]]*\]|\"[^\"]*\")", body)
        found.append({name.lower(): re.sub(r"[\[\]\"\s]", "", value) for name, value in named})
    return found


def _deployed(model: Model) -> Tier | None:
    return model.tier(TIER)


@rule("LOG-03", phase="config", on=targets.file_of_every_tier(SENDER),
      broken_by=in_file("edge", SENDER, r'tls\.authMode="name"', 'tls.authMode="none"'))  # fmt: skip
def logs_travel_safely(file: File, model: Model) -> Outcome:
    wanted = "to every log node, acknowledged, over TLS with the server's name checked, waiting on the disk meanwhile"
    tier = _deployed(model)
    if tier is None:
        return not_applicable(NONE)
    if file.text is None:
        return failed("not rendered", wanted)
    ways = {one.get("target", ""): one for one in _actions(file.text)}
    here = {node.address for node in tier.nodes[:1]} if file.tier == TIER else set()
    problems = [
        f"{node.name}: {p}" for node in tier.nodes if node.address not in here for p in _lacking(ways, node.address)
    ]
    return judged(not problems, problems or f"log nodes: {len(tier.nodes)}", wanted)


def _lacking(ways: Mapping[str, Mapping[str, str]], address: str) -> list[str]:
    way = ways.get(address)
    if way is None:
        return ["nothing is sent to it"]
    found = [f"{name} {way.get(name, 'unset')}" for name, allowed in WAY.items() if way.get(name) not in allowed]
    return [
        *found,
        *(f"{name} unset" for name in ("tls.permittedpeer", "tls.cacert", "queue.filename") if not way.get(name)),
    ]


@rule("LOG-04", phase="plan", on=INSTANCE,
      broken_by=on_resource(INSTANCE, inputs(scheduler_hints=[]), tier=TIER))  # fmt: skip
def collectors_on_machines_of_their_own(instance: Resource, model: Model) -> Outcome:
    wanted = "a tier and a network of its own, no two of its nodes on one machine"
    tier = _deployed(model)
    if tier is None:
        return not_applicable(NONE)
    if model.tier_of(instance) != TIER:
        return not_applicable("no log node")
    shared = [t.name for t in model.topology.tiers if t.name != TIER and t.network.cidr == tier.network.cidr]
    hints = instance.get("scheduler_hints") or []
    apart = any(isinstance(hint, Mapping) and hint.get("group") for hint in hints)
    problems = [*(f"network shared with {name}" for name in shared), *([] if apart else ["no server group"])]
    return judged(not problems, problems or "own network, in a server group", wanted)


@rule("LOG-05", phase="config", on=targets.stack, key=("retention", "logs"),
      broken_by=in_file(TIER, KEEPER, r"(?<=collected) \d+$", " 7"))  # fmt: skip
def logs_go_when_they_should(_stack: targets.Whole, model: Model) -> Outcome:
    days = model.loaded.stack.retention.logs
    wanted = f"removed after {days} days, as the stack file says"
    if _deployed(model) is None:
        return not_applicable(NONE)
    text = model.file(TIER, KEEPER).text
    if text is None:
        return failed("not rendered", wanted)
    command = last(sections(text).get("Service", {}), "ExecStart").split()
    told = command[-1] if len(command) > 1 else ""
    return judged(told == str(days), f"after {told or '?'} days", wanted)


def _local_space(model: Model) -> Iterator[File]:
    """The journal's settings everywhere, and the alert on full disks where somebody watches them."""
    yield from targets.file_of_every_tier(JOURNAL)(model)
    if model.tier("monitoring") is not None:
        yield model.file("monitoring", CAPACITY)


@rule("LOG-06", phase="config", on=_local_space,
      broken_by=in_file("edge", JOURNAL, r"^SystemMaxUse=[^\n]*$", ""))  # fmt: skip
def journals_have_limits(file: File, _model: Model) -> Outcome:
    wanted = "kept over a restart, with a size of its own and a share of the disk left free; an alert at 80 %"
    if file.text is None:
        return failed("not rendered", wanted)
    if file.path.endswith(CAPACITY):
        found = re.search(r"alert: DiskFilling\n\s+expr: [^\n]+ > ([\d.]+)\n", file.text)
        if found is None:
            return failed("no alert on full disks", wanted)
        return judged(float(found[1]) <= FULL, f"alert at {found[1]}", wanted)
    settings = pairs(file.text, "=")
    missing = [name for name in ("SystemMaxUse", "SystemKeepFree") if not last(settings, name.lower())]
    storage = last(settings, "storage", "auto")
    problems = [*(f"{name} unset" for name in missing), *([] if storage == "persistent" else [f"storage {storage}"])]
    return judged(not problems, problems or f"at most {last(settings, 'systemmaxuse')}", wanted)


def _collected(model: Model, wanted: str) -> dict[str, Mapping[str, Any]] | Outcome:
    """Log node -> what it says it has; or what is to be said where nobody says anything."""
    tier = _deployed(model)
    if tier is None:
        return not_applicable(NONE)
    found = {node.name: ((model.facts or {}).get(node.name) or {}).get("collected") for node in tier.nodes}
    if silent := sorted(name for name, said in found.items() if not said):
        return unknown(f"not read: {', '.join(silent)}", settled_in="runtime", expected=wanted)
    return {name: said for name, said in found.items() if said}


def _when(said: Mapping[str, Any]) -> datetime:
    return datetime.fromtimestamp(float(said["at"]), UTC)


@rule("LOG-02", phase="runtime", on=targets.stack,
      broken_by=in_facts(lambda facts: facts["collected"]["nodes"].popitem(), tier=TIER))  # fmt: skip
def every_node_is_heard(_stack: targets.Whole, model: Model) -> Outcome:
    wanted = "every node, on every log node, within 24 hours"
    found = _collected(model, wanted)
    if isinstance(found, Outcome):
        return found
    names, problems = [node.name for node in model.topology.nodes], []
    for collector, said in found.items():
        since = (_when(said) - SEEN_WITHIN).timestamp()
        silent = [name for name in names if said["nodes"].get(name, 0) < since]
        problems += [f"{collector} has nothing of {name}" for name in silent]
    return judged(not problems, problems or f"nodes heard: {len(names)}", wanted)


@rule("LOG-05", phase="runtime", on=targets.stack, key=("retention", "logs"),
      broken_by=in_facts(lambda facts: facts["collected"].update(oldest="2000-01-01"), tier=TIER))  # fmt: skip
def no_log_is_older(_stack: targets.Whole, model: Model) -> Outcome:
    days = model.loaded.stack.retention.logs
    wanted = f"nothing older than {days} days"
    found = _collected(model, wanted)
    if isinstance(found, Outcome):
        return found
    late = [
        f"{name}: {said['oldest']}"
        for name, said in found.items()
        if said.get("oldest") and said["oldest"] < f"{_when(said) - timedelta(days=days + 2):%Y-%m-%d}"
    ]
    return judged(not late, late or "oldest: " + ", ".join(str(said.get("oldest")) for said in found.values()), wanted)


@rule("LOG-07", phase="runtime", on=targets.stack,
      broken_by=in_facts(lambda facts: facts["collected"].update(exposed=["a/2026-01-01.log"]), tier=TIER))  # fmt: skip
def logs_are_read_by_few(_stack: targets.Whole, model: Model) -> Outcome:
    wanted = "0640 or stricter, root's"
    found = _collected(model, wanted)
    if isinstance(found, Outcome):
        return found
    exposed = [f"{name}: {file}" for name, said in found.items() for file in said["exposed"]]
    return failed(exposed, wanted) if exposed else passed("no file that others read or own", wanted)
