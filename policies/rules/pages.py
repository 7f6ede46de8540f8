"""The front's headers as users' browsers get them: APP, TLS-12. What stands between may take some away."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from policies.probes import Endpoint, handshakes, spoiled
from policies.rules.tls import YEAR, age
from socle.policy.model import Model
from socle.policy.mutation import Mutation
from socle.policy.outcome import Outcome, judged, unknown
from socle.policy.rule import rule

FRAMES = {"'none'", "'self'"}


def fronts(model: Model) -> Iterator[Endpoint]:
    """Where users get the pages: the service's own name, at the front or on each edge."""
    return (one for one in handshakes(model) if (one.tier, one.fqdn) == ("edge", model.topology.domain))


def _header(name: str, value: str | None) -> Mutation:
    """A mutation: the first front says something else, or nothing."""

    return spoiled(lambda facts: facts.update(headers={**facts["headers"], name: value or ""}), of="headers")


def _read(endpoint: Endpoint, wanted: str, good: Callable[[Mapping[str, str]], list[str]]) -> Outcome:
    found: Mapping[str, str] | None = endpoint.get("headers")
    if not found:
        return unknown(endpoint.why or "the headers were not read", settled_in="runtime", expected=wanted)
    problems = good(found)
    return judged(not problems, problems or "as wanted", wanted)


@rule("APP-02", phase="runtime", on=fronts, broken_by=_header("content-security-policy", "default-src 'self'"))
def nobody_frames_the_pages(endpoint: Endpoint, _model: Model) -> Outcome:
    def problems(found: Mapping[str, str]) -> list[str]:
        policy = found.get("content-security-policy", "")
        ancestors = re.search(r"frame-ancestors ([^;]*)", policy)
        named = set(ancestors[1].split()) if ancestors else {"anybody"}
        return [f"frame-ancestors {one}" for one in sorted(named - FRAMES)]

    return _read(endpoint, "frame-ancestors 'none' or 'self'", problems)


@rule("APP-03", phase="runtime", on=fronts, broken_by=_header("referrer-policy", "unsafe-url"))
def other_sites_learn_no_room(endpoint: Endpoint, _model: Model) -> Outcome:
    def problems(found: Mapping[str, str]) -> list[str]:
        said = found.get("referrer-policy", "")
        return [] if said in ("no-referrer", "same-origin", "strict-origin") else [said or "no such header"]

    return _read(endpoint, "no-referrer, same-origin or strict-origin", problems)


@rule("APP-13", phase="runtime", on=fronts, broken_by=_header("x-content-type-options", None))
def other_origins_stay_apart(endpoint: Endpoint, _model: Model) -> Outcome:
    def problems(found: Mapping[str, str]) -> list[str]:
        return [
            *([] if found.get("x-content-type-options") == "nosniff" else ["no nosniff"]),
            *([] if found.get("cross-origin-opener-policy") == "same-origin" else ["no opener policy"]),
            *(["any origin may read"] if found.get("access-control-allow-origin") == "*" else []),
        ]

    return _read(endpoint, "nosniff, same-origin opener, no other origin reads", problems)


@rule("TLS-12", phase="runtime", on=fronts, broken_by=_header("strict-transport-security", "max-age=60"))
def browsers_are_told_to_stay_with_tls(endpoint: Endpoint, _model: Model) -> Outcome:
    def problems(found: Mapping[str, str]) -> list[str]:
        said = found.get("strict-transport-security", "")
        return [] if age(said) >= YEAR and "includesubdomains" in said.lower() else [said or "no such header"]

    return _read(endpoint, f"max-age of {YEAR} at least, includeSubDomains", problems)
