"""GitLab's SAST report (version 15.2.1 of its security report schemas): failures, for the vulnerability pages."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment

VERSION = "15.2.1"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "socle.gitlab-sast")


def text(*results: Assessment) -> str:
    name, _, version = results[0].tool.partition(" ")
    tool = {"id": name, "name": name.capitalize(), "vendor": {"name": name.capitalize()}, "version": version}
    moment = f"{max(one.day for one in results)}T00:00:00"
    document = {
        "version": VERSION,
        "scan": {
            "analyzer": tool,
            "scanner": tool,
            "type": "sast",
            "start_time": moment,
            "end_time": moment,
            "status": "success",  # of the scan, not of what was scanned
        },
        "vulnerabilities": [one for result in results for one in _vulnerabilities(result)],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _vulnerabilities(result: Assessment) -> Iterator[dict[str, Any]]:
    book = catalogue()
    for finding in result.findings:
        if not finding.fails or finding.waived or not finding.where:
            continue
        control = book[finding.control]
        yield {
            # the same finding keeps it when lines move
            "id": str(uuid.uuid5(NAMESPACE, "\0".join((result.stack, finding.rule, finding.subject)))),
            "name": f"{control.id}: {control.requirement}"[:255],
            "description": f"{finding.subject}: {finding.seen}; expected: {finding.expected}",
            "severity": control.severity.capitalize(),
            "solution": control.remediation or control.expected,
            "identifiers": [
                {"type": "socle_control", "name": control.id, "value": control.id},
                *({"type": "reference", "name": one, "value": one} for one in control.references),
            ],
            "location": {
                "file": finding.where.file,
                "start_line": finding.where.line,
                "end_line": finding.where.line,
                "class": finding.subject,
                "method": finding.rule,
            },
        }
