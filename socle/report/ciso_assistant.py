"""CISO Assistant's import of a compliance assessment (data wizard): one line per requirement of SecNumCloud 3.2.

Its library names requirements as the catalogue does (`9.6.d`). Evidence files are imported there by themselves.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment, Judgement, Standing
from socle.report.coverage import requirements, worst

FRAMEWORK = "SNC"
HEAD = ("ref_id", "assessable", "compliance_result", "observations")
# What a person states is theirs to mark as compliant; a waiver accepts a failure, and does not mend it.
RESULTS: Mapping[Standing, str] = {
    "passed": "compliant",
    "partly": "partially_compliant",
    "failed": "non_compliant",
    "waived": "non_compliant",
    "not_applicable": "not_applicable",
}


def text(result: Assessment) -> str:
    """A requirement that no control transposes is not in it: nothing is said of it."""
    written = io.StringIO()
    lines = csv.writer(written, lineterminator="\n")
    lines.writerow(HEAD)
    for identifier, said in requirements(catalogue(), result.judgements)[FRAMEWORK].items():
        lines.writerow((identifier, "true", RESULTS.get(worst(said), "not_assessed"), _observed(result, said)))
    return written.getvalue()


def _observed(result: Assessment, said: Iterable[Judgement]) -> str:
    controls = ", ".join(f"{one.control} {one.standing.replace('_', ' ')}" for one in said)
    return f"{controls} ({result.tool}, {result.day}, evidence {result.digest[:16]})"
