"""The cloud's metadata service, closed to what runs on the nodes, which boot from a drive of their own: CMP-06."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network

from policies import matrix, targets
from policies.formats import base_chain
from socle.graph import Ref, Resource
from socle.graph.model import SECURITY_GROUP, SECURITY_GROUP_RULE
from socle.policy.model import Facts, File, Model
from socle.policy.mutation import in_facts, in_file, with_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule

ADDRESS, PORT = ip_address("169.254.169.254"), 80
WANTED = f"{ADDRESS} closed"
_TO = re.compile(r"\bip daddr (?:\{([^}]*)\}|(\S+))")
_PORTS = re.compile(r"\b(?:tcp|th) dport (?:\{([^}]*)\}|(\S+))")
_OTHER = re.compile(r"\b(?:udp|icmp|icmpv6) |\bip protocol |\boif lo\b|\bct state\b")


def _covers(block: str) -> bool:
    try:
        network = ip_network(block.strip(), strict=False)
    except ValueError:
        return False
    return network.version == ADDRESS.version and ADDRESS in network


def _opened(model: Model) -> Resource:
    group = next(iter(model.plan.of(SECURITY_GROUP)))
    way = {"direction": "egress", "ethertype": "IPv4", "protocol": "tcp", "port_range_min": 80, "port_range_max": 80}
    given = {**way, "security_group_id": Ref(group.name), "remote_ip_prefix": "169.254.0.0/16"}
    return Resource(SECURITY_GROUP_RULE, f"{group.name}-metadata", inputs=given)


@rule("CMP-06", phase="plan", on=SECURITY_GROUP_RULE, broken_by=with_resource(_opened))
def no_group_opens_the_metadata_service(opening: Resource, model: Model) -> Outcome:
    seen = matrix.opened(opening, model)
    if seen is None or seen.direction != "egress" or not seen.reaches(PORT):
        return not_applicable("no way out to its port")
    if seen.remote == "?":
        return unknown("the remote is known after apply", settled_in="runtime", expected=WANTED)
    return judged(not _covers(seen.remote), seen, WANTED)


@rule(
    "CMP-06",
    phase="config",
    on=targets.file_of_every_tier("nftables.conf"),
    broken_by=in_file(
        "media",
        "nftables.conf",
        r'limit rate [^\n]*"socle drop out',
        'ip daddr 169.254.169.254 tcp dport 80 accept\n        log prefix "socle drop out',
    ),
)
def no_firewall_opens_the_metadata_service(file: File, _model: Model) -> Outcome:
    if file.text is None:
        return failed("not rendered", WANTED)
    chain = base_chain(file.text, "output")
    if chain is None or chain.policy != "drop":
        return failed(f"output: {chain.policy if chain else 'no chain'}", WANTED)
    open_ = [line for line in chain.rules if re.search(r"\baccept\b", line) and _lets_through(line)]
    return judged(not open_, open_ or "output drop, no rule that lets it through", WANTED)


def _lets_through(line: str) -> bool:
    if _OTHER.search(line):
        return False
    ports = _listed(_PORTS, line)
    blocks = _listed(_TO, line)
    return (not ports or any(_within(one) for one in ports)) and (not blocks or any(map(_covers, blocks)))


def _listed(pattern: re.Pattern[str], line: str) -> list[str]:
    found = pattern.search(line)
    return [one.strip() for one in (found[1] or found[2]).split(",")] if found else []


def _within(ports: str) -> bool:
    first, _, last = ports.partition("-")
    return first.isdigit() and int(first) <= PORT <= int(last or first)


@rule(
    "CMP-06",
    phase="runtime",
    on=targets.nodes,
    broken_by=in_facts(lambda facts: facts.update(metadata={"answers": True, "control": True})),
)
def nodes_do_not_reach_the_metadata_service(facts: Facts, _model: Model) -> Outcome:
    """Closed is believed only of a node that reaches its own package server in the same manner."""
    said = (facts.data or {}).get("metadata")
    if not isinstance(said, dict) or said.get("answers") is None:
        return unknown("the node was not asked to reach it", settled_in="runtime", expected=WANTED)
    if said["answers"]:
        return failed(f"{ADDRESS} answers", WANTED)
    if not said.get("control"):
        return unknown("no answer, but none of the package server either", settled_in="runtime", expected=WANTED)
    return passed("no answer, where the package server gives one", WANTED)
