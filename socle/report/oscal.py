"""OSCAL assessment results (NIST, version 1.1.3): what was seen, one observation per finding; one finding per control.

The format knows `satisfied` and `not-satisfied` alone. An unknown is the latter, with the reason `other`: never a pass.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment, Finding, Judgement, Standing

VERSION = "1.1.3"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "socle.oscal")
NS = f"urn:uuid:{NAMESPACE}"  # of the properties that the format does not define
STATES: Mapping[Standing, tuple[str, str]] = {
    "passed": ("satisfied", "pass"),
    "stated": ("satisfied", "other"),
    "failed": ("not-satisfied", "fail"),
    "waived": ("not-satisfied", "fail"),
    "partly": ("not-satisfied", "other"),
    "unknown": ("not-satisfied", "other"),
    "not_assessed": ("not-satisfied", "other"),
    "statement": ("not-satisfied", "other"),
}
# judging settings and plans is examining; asking machines and clouds is testing; people are asked
METHODS = {"runtime": "TEST", "process": "INTERVIEW"}


def text(*results: Assessment) -> str:
    return json.dumps(document(*results), indent=2, ensure_ascii=False) + "\n"


def document(*results: Assessment) -> dict[str, Any]:
    """The same evidence of the same day gives the same document: identifiers come from what they identify."""
    name, _, version = results[0].tool.partition(" ")
    stacks = ", ".join(one.stack for one in results)
    evidence = [part for one in results for part in (one.stack, one.digest)]
    plan = _identity("plan", name, version)
    return {
        "assessment-results": {
            "uuid": _identity("document", *evidence),
            "metadata": {
                "title": f"Transposed controls of {stacks}",
                "last-modified": _moment(max(one.day for one in results)),
                "version": version or "0",
                "oscal-version": VERSION,
            },
            "import-ap": {"href": f"#{plan}"},
            "results": [_result(one) for one in results],
            "back-matter": {
                "resources": [
                    {
                        "uuid": plan,
                        "title": f"Rules of {name} {version}".strip(),
                        "rlinks": [{"href": "policies/rules"}],
                    }
                ]
            },
        }
    }


def _result(result: Assessment) -> dict[str, Any]:
    judged = [one for one in result.judgements if one.standing in STATES]
    left = sorted(one.control for one in result.judgements if one.standing == "not_applicable")
    identities = {finding: _of_finding(result, finding) for finding in dict.fromkeys(result.findings)}
    return {
        "uuid": _identity("result", result.stack, result.digest),
        "title": result.stack,
        "description": f"{result.rules_run} rules over {', '.join(result.phases)}; evidence {result.digest}",
        "start": _moment(result.day),
        "reviewed-controls": {
            "control-selections": [{"include-controls": [{"control-id": one.control} for one in judged]}],
            **({"remarks": f"not applicable: {', '.join(left)}"} if left else {}),
        },
        "observations": [_observation(result, finding, of) for finding, of in identities.items()],
        "findings": [_finding(result, one, identities) for one in judged],
    }


def _observation(result: Assessment, finding: Finding, identity: str) -> dict[str, Any]:
    seen = {
        "uuid": identity,
        "title": _line(f"{finding.control} {finding.subject}"),
        "description": _said(finding),
        "props": [
            {"name": "phase", "ns": NS, "value": finding.phase},
            {"name": "status", "ns": NS, "value": finding.status.value},
        ],
        "methods": [METHODS.get(finding.phase, "EXAMINE")],
        "collected": _moment(result.day),
    }
    if finding.where:
        seen["relevant-evidence"] = [{"description": str(finding.where)}]
    return seen


def _finding(result: Assessment, judgement: Judgement, identities: Mapping[Finding, str]) -> dict[str, Any]:
    control = catalogue()[judgement.control]
    state, reason = STATES[judgement.standing]
    related = [{"observation-uuid": identities[one]} for one in dict.fromkeys(result.of(control.id))]
    found = {
        "uuid": _identity("finding", result.stack, result.digest, control.id),
        "title": f"{control.id}: {judgement.standing.replace('_', ' ')}",
        "description": control.requirement,
        "target": {
            "type": "objective-id",
            "target-id": control.id,
            "status": {"state": state, "reason": reason, "remarks": judgement.standing.replace("_", " ")},
        },
    }
    return {**found, "related-observations": related} if related else found


def _said(finding: Finding) -> str:
    return _line("; ".join(_parts(finding))) or finding.status.value


def _parts(finding: Finding) -> Iterator[str]:
    named = {
        "": finding.seen,
        "expected: ": finding.expected,
        "settled in: ": finding.settled_in,
        "waived: ": finding.waiver if finding.fails else None,
        "note: ": finding.note,
    }
    yield from (name + value for name, value in named.items() if value)


def _of_finding(result: Assessment, finding: Finding) -> str:
    return _identity("observation", result.stack, result.digest, repr(finding))


def _identity(*parts: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "\0".join(parts)))


def _moment(day: str) -> str:
    return f"{day}T00:00:00+00:00"


def _line(value: str) -> str:
    """OSCAL's names and values are one line, without blanks at its ends."""
    return " ".join(value.split())
