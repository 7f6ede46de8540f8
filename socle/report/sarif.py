"""SARIF 2.1.0: one run per stack, one result per finding, at the stack file's line that causes it."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from socle.errors import Mark
from socle.policy.catalogue import Control, catalogue
from socle.policy.finding import Assessment, Finding
from socle.policy.outcome import Status

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
LEVEL = {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}
# GitHub's scale of severities (0 to 10), which its table sorts by
SCORE = {"critical": "9.5", "high": "8.0", "medium": "5.0", "low": "3.0", "info": "1.0"}
KIND = {
    Status.PASSED: "pass",
    Status.FAILED: "fail",
    Status.NOT_APPLICABLE: "notApplicable",
    Status.UNKNOWN: "open",
    Status.STATED: "review",
}


def text(*results: Assessment) -> str:
    return json.dumps(document(*results), indent=2, ensure_ascii=False) + "\n"


def document(*results: Assessment) -> dict[str, Any]:
    """Of several stacks, each run has the stack as its category: GitHub takes no two runs of one category."""
    runs = [_run(one) for one in results]
    if len(results) > 1:
        runs = [{"automationDetails": {"id": f"{one.stack}/"}, **run} for one, run in zip(results, runs, strict=True)]
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": runs}


def _run(result: Assessment) -> dict[str, Any]:
    book = catalogue()
    used = list(dict.fromkeys(finding.control for finding in result.findings))
    index = {control: number for number, control in enumerate(used)}
    name, _, version = result.tool.partition(" ")
    return {
        "tool": {
            "driver": {
                "name": name.capitalize(),
                "version": version,
                "semanticVersion": version,
                "rules": [_rule(book[control]) for control in used],
            }
        },
        "columnKind": "unicodeCodePoints",
        "properties": {
            "stack": result.stack,
            "go": result.verdict.go,
            "evidenceDigest": result.digest,
            "rulesRun": result.rules_run,
        },
        "results": [_result(finding, book[finding.control], index) for finding in result.findings],
    }


def _rule(control: Control) -> dict[str, Any]:
    return {
        "id": control.id,
        "name": control.id.replace("-", ""),
        "shortDescription": {"text": control.requirement},
        "fullDescription": {"text": f"{control.check}. Expected: {control.expected}"},
        "help": {"text": control.remediation or control.expected},
        "defaultConfiguration": {"level": LEVEL[control.severity]},
        "properties": {
            "tags": ["security", *control.references],
            "security-severity": SCORE[control.severity],
            "severity": control.severity,
            "owner": control.owner,
        },
    }


def _result(finding: Finding, control: Control, index: dict[str, int]) -> dict[str, Any]:
    kind = KIND[finding.status]
    found: dict[str, Any] = {
        "ruleId": finding.control,
        "ruleIndex": index[finding.control],
        "kind": kind,
        # the format wants "none" for everything that is no failure
        "level": LEVEL[control.severity] if kind == "fail" else "none",
        "message": {"text": _message(finding)},
        "locations": [_location(finding.where, finding.subject)] if finding.where else [],
        "partialFingerprints": {"socle/v1": _fingerprint(finding)},
        "properties": {"phase": finding.phase, "subject": finding.subject, "settledIn": finding.settled_in},
    }
    if finding.program:
        found["relatedLocations"] = [{"id": 1, "message": {"text": "made here"}, **_location(finding.program)}]
    if finding.waived:
        found["suppressions"] = [{"kind": "external", "status": "accepted", "justification": str(finding.waiver)}]
    return found


def _message(finding: Finding) -> str:
    text_ = f"{finding.subject}: {finding.seen}"
    if finding.expected:
        text_ += f"; expected: {finding.expected}"
    if finding.settled_in:
        text_ += f"; settled in: {finding.settled_in}"
    return text_ + (f"; {finding.note}" if finding.note else "")


def _location(mark: Mark, subject: str | None = None) -> dict[str, Any]:
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": mark.file.replace("\\", "/")},
            "region": {"startLine": mark.line, "startColumn": mark.column},
        }
    }
    if subject:
        place["logicalLocations"] = [{"fullyQualifiedName": subject}]
    return place


def _fingerprint(finding: Finding) -> str:
    """The same finding keeps it when lines move."""
    return hashlib.sha256(f"{finding.rule}\0{finding.subject}".encode()).hexdigest()[:32]
