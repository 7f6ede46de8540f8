"""GitLab's code-quality format: failures only, shown in the merge request beside the stack file's line."""

from __future__ import annotations

import hashlib
import json

from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment

SEVERITY = {"critical": "blocker", "high": "critical", "medium": "major", "low": "minor", "info": "info"}


def text(result: Assessment) -> str:
    book = catalogue()
    rows = [
        {
            "description": f"{f.control} {f.subject}: {f.seen}; expected: {f.expected}",
            "check_name": f.control,
            "fingerprint": hashlib.sha256(f"{f.rule}\0{f.subject}".encode()).hexdigest(),
            "severity": SEVERITY[book[f.control].severity],
            "location": {"path": f.where.file, "lines": {"begin": f.where.line}},
        }
        for f in result.findings
        if f.fails and not f.waived and f.where
    ]
    return json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
