"""Coverage counts requirements, not controls; the least good of what transposes one speaks for it."""

from __future__ import annotations

import csv
import io

import pytest
import yaml

from socle import assess
from socle.policy.catalogue import Catalogue, Control, catalogue
from socle.policy.finding import Judgement, Standing
from socle.policy.merge import judge
from socle.report import ciso_assistant
from socle.report.coverage import WORST, coverage
from tests.conftest import ROOT
from tests.models import intended

SNC = yaml.safe_load((ROOT / "policies/catalogues/secnumcloud-3.2.yaml").read_text(encoding="utf-8"))


def control(name: str, *references: str) -> Control:
    return Control(name, "1", "asked", "demandé", references, ("spec",), "looked at", "good", "high", "C")


def book(*controls: Control) -> Catalogue:
    documents = {"SNC": "SecNumCloud", "BP28": "ANSSI-BP-028", "CTL": "this catalogue"}
    return Catalogue("ours", {"1": "one"}, documents, {one.id: one for one in controls}, ())


def judged(**standings: Standing) -> list[Judgement]:
    return [Judgement(name, standing, {}) for name, standing in standings.items()]


def test_a_requirement_counts_once_and_by_its_least_good() -> None:
    rows = coverage(
        book(
            control("A", "SNC:9.1.a", "SNC:10.2.b"), control("B", "SNC:9.1.a", "BP28:R1"), control("C", "CTL:A", "BP28")
        ),
        judged(A="passed", B="failed", C="stated"),
    )
    told = {(one.document, one.chapter): (one.requirements, dict(one.standings)) for one in rows}
    assert told == {
        ("SNC", ""): (2, {"failed": 1, "passed": 1}),
        ("SNC", "9"): (1, {"failed": 1}),
        ("SNC", "10"): (1, {"passed": 1}),
        ("BP28", ""): (2, {"failed": 1, "stated": 1}),
    }
    assert [one.chapter for one in rows if one.document == "SNC"] == ["", "9", "10"]


@pytest.mark.parametrize(("better", "worse"), list(zip(WORST[1:], WORST, strict=False)))
def test_never_better_than_its_worst(better: Standing, worse: Standing) -> None:
    (row, *_chapters) = coverage(book(control("A", "SNC:x"), control("B", "SNC:x")), judged(A=better, B=worse))
    assert dict(row.standings) == {worse: 1}


def test_nothing_of_the_real_catalogue_is_lost() -> None:
    rows = coverage(catalogue(), judge(catalogue(), []))
    of = {one.document: one.requirements for one in rows if not one.chapter}
    cited = {ref for one in catalogue().controls.values() for ref in one.references}
    for name in ("SNC", "BP28", "TLS", "SSH"):
        assert of[name] == len({ref for ref in cited if ref == name or ref.startswith(f"{name}:")})


def test_ciso_assistant_gets_a_line_per_requirement_and_no_pass_that_nobody_saw() -> None:
    result = assess.assess(intended("cnrs"), assess.BEFORE_APPLY)
    rows = list(csv.DictReader(io.StringIO(ciso_assistant.text(result))))
    known = {str(one["id"]) for part in ("context", "sections", "requirements") for one in SNC[part]}
    assert {row["ref_id"] for row in rows} <= known
    assert len(rows) == len({row["ref_id"] for row in rows}) > 90
    standing = {one.control: one.standing for one in result.judgements}
    for row in rows:
        controls = [word for word in row["observations"].replace(",", " ").split() if word in standing]
        assert controls
        if row["compliance_result"] == "compliant":
            assert {standing[one] for one in controls} <= {"passed", "not_applicable"}
