"""GitLab's code-quality format: failures only, shown in the merge request beside the stack file's line."""

from __future__ import annotations

import hashlib
import json

from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment

SEVERITY = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor", "info": "info"}


def text(*results: Assessment) -> str:
    """Of several stacks, the fingerprint holds the stack's name: two may have a subject of one name."""
    book, several = catalogue(), len(results) > 1
    rows = [
        {
            "description": f"{f.control} {f.subject}: {f.seen}; expected: {f.expected}",
            "check_name": f.control,
            "fingerprint": _fingerprint(*([one.stack] if several else []), f.rule, f.subject),
            "severity": SEVERITY[book[f.control].severity],
            "location": {"path": f.where.file, "lines": {"begin": f.where.line}},
        }
        for one in results
        for f in one.findings
        if f.fails and not f.waived and f.where
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"


def _fingerprint(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
