"""Public names: NET-18."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policies import targets
from socle.graph import Ref, Resource
from socle.graph.model import RECORD_SET, ZONE
from socle.policy.model import Model
from socle.policy.mutation import on_cloud, on_stack, together, with_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule

_ISSUE = re.compile(r'^\s*\d+\s+issue\s+"?([^";]*)')


def _another_authority(model: Model) -> Resource:
    zone = next((Ref(one.name) for one in model.plan.of(ZONE)), "")
    records = ['0 issue "another.example"']
    given = {"type": "CAA", "name": f"{model.topology.domain}.", "zone_id": zone, "records": records}
    return Resource(RECORD_SET, f"{model.topology.stack}-authority-added", inputs=given)


@rule(
    "NET-18",
    phase="plan",
    on=targets.stack,
    key=("certificates",),
    broken_by=together(
        on_cloud("dns.update", "designate"),
        on_stack("certificates.caa", "authority.example"),
        with_resource(_another_authority),
    ),
)
def one_authority_may_sign(_stack: targets.Whole, model: Model) -> Iterator[Outcome]:
    yield _authority(model)
    yield unknown(
        "whether the zone is signed (DNSSEC) was not looked at", settled_in="runtime", expected="signed, if offered"
    )


def _authority(model: Model) -> Outcome:
    certificates = model.loaded.stack.certificates
    wanted = f"a CAA record of {model.topology.domain} that names {certificates.caa or 'the authority'} alone"
    if certificates.caa is None and certificates.issuer == "cloud":
        return not_applicable("an internal authority signs, of which public ones know nothing")
    if certificates.caa is None and certificates.issuer == "handed-over":
        return unknown("who signs is known to those who are handed the requests", settled_in="process", expected=wanted)
    if model.loaded.cloud.dns.update != "designate":
        return unknown("not evaluable: the names are published elsewhere", settled_in="process", expected=wanted)
    named = [
        name[1].strip()
        for one in model.plan.of(RECORD_SET)
        if one.get("type") == "CAA" and one.get("name") == f"{model.topology.domain}."
        for record in one.get("records") or ()
        if isinstance(record, str) and (name := _ISSUE.match(record))
    ]
    if not named:
        return failed("no CAA record", wanted)
    return judged(named == [certificates.caa], named, wanted)
