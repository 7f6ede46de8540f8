"""PostgreSQL: who may come in, over what, and by what proof: STO-07, STO-08."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from policies import targets
from policies.formats import last, pairs, yaml_of
from socle.policy.model import Model
from socle.policy.outcome import Outcome, failed, judged, not_applicable
from socle.policy.rule import rule

TIER = "database"
SERVER, LEADER = "patroni/postgresql.conf", "patroni/config.yml"
MODERN = {"TLSv1.2", "TLSv1.3"}


Rendered = tuple[Mapping[str, tuple[str, ...]], Mapping[str, Any]]  # PostgreSQL's own file, Patroni's part on it


def _rendered(model: Model, wanted: str) -> Rendered | Outcome:
    """Or what is to be said where there is nothing to look at."""
    if model.tier(TIER) is None:
        return not_applicable("no database is deployed")
    server, leader = model.file(TIER, SERVER).text, model.file(TIER, LEADER).text
    if server is None or leader is None:
        return failed("not rendered", wanted)
    return pairs(server, "="), yaml_of(leader).get("postgresql") or {}


def _value(options: Mapping[str, tuple[str, ...]], name: str, default: str) -> str:
    return last(options, name, default).strip("'")


def _lines(patroni: Mapping[str, Any]) -> list[list[str]]:
    """pg_hba.conf, the lines for other machines."""
    found = [str(line).split() for line in patroni.get("pg_hba") or []]
    return [words for words in found if words[:1] != ["local"]]


def _spoilt(server: str, line: str) -> Any:
    """A mutation: a database whose files are like these, whatever the stack has."""

    def apply(model: Model) -> Model:
        tier = replace(next(iter(model.topology.tiers)), name=TIER)
        others = tuple(one for one in model.topology.tiers if one.name != TIER)
        leader = f"postgresql: {{pg_hba: ['{line}'], authentication: {{replication: {{sslmode: verify-full}}}}}}\n"
        files = {(TIER, f"/etc/{SERVER}"): server, (TIER, f"/etc/{LEADER}"): leader}
        return replace(
            model, topology=replace(model.topology, tiers=(*others, tier)), files={**(model.files or {}), **files}
        )

    return apply


@rule(
    "STO-07",
    phase="config",
    on=targets.stack,
    broken_by=_spoilt("ssl = on\n", "host meet visio 10.0.0.1/32 scram-sha-256"),
)
def postgresql_over_tls_alone(_stack: targets.Whole, model: Model) -> Outcome:
    wanted = "ssl on, TLS 1.2 or later, hostssl lines alone, copies verify who they copy from"
    found = _rendered(model, wanted)
    if isinstance(found, Outcome):
        return found
    server, patroni = found
    lowest = _value(server, "ssl_min_protocol_version", "TLSv1.2")
    clear = [" ".join(words) for words in _lines(patroni) if words[0] != "hostssl"]
    users = patroni.get("authentication") or {}
    careless = [name for name in ("replication", "rewind") if (users.get(name) or {}).get("sslmode") != "verify-full"]
    problems = [
        *([] if _value(server, "ssl", "off") == "on" else ["ssl off"]),
        *([] if lowest in MODERN else [f"from {lowest} on"]),
        *(f"in clear: {line}" for line in clear),
        *(f"not verified: {name}" for name in careless),
        *([] if _lines(patroni) else ["no line of pg_hba.conf"]),
    ]
    return judged(not problems, problems or f"hostssl lines: {len(_lines(patroni))}", wanted)


@rule(
    "STO-08",
    phase="config",
    on=targets.stack,
    broken_by=_spoilt("password_encryption = md5\n", "hostssl all all 10.0.0.0/8 md5"),
)
def passwords_by_scram_alone(_stack: targets.Whole, model: Model) -> Outcome:
    wanted = "scram-sha-256 for digests and in every line for other machines, each for one database, user and address"
    found = _rendered(model, wanted)
    if isinstance(found, Outcome):
        return found
    server, patroni = found
    digests = _value(server, "password_encryption", "scram-sha-256")
    weak = [" ".join(words) for words in _lines(patroni) if not _narrow(words)]
    seen = [*([] if digests == "scram-sha-256" else [f"digests: {digests}"]), *weak]
    return judged(not seen, seen or "scram-sha-256", wanted)


def _narrow(words: list[str]) -> bool:
    return words[-1] == "scram-sha-256" and "all" not in words[1:3] and bool(re.search(r"/(32|128)$", words[3]))
