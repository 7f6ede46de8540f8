"""What auditors and machines read: SARIF, JUnit, GitLab, OSCAL, CSV, the dossier."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import jsonschema
import pytest

from socle import assess
from socle.errors import InputError
from socle.policy.catalogue import catalogue
from socle.policy.finding import Assessment
from socle.policy.outcome import PHASES
from socle.report import dossier, gitlab, gitlab_sast, junit, oscal, plain, sarif, table
from tests.models import intended, running


@pytest.fixture(scope="module")
def result() -> Assessment:
    from socle.policy.mutation import on_stack

    model = on_stack("data.media", "sensitive")(intended("demo"))  # the lab holds no qualification: GOV-01 fails
    return assess.assess(model, assess.BEFORE_APPLY)


def test_sarif_points_at_the_stack_file(result: Assessment) -> None:
    run = json.loads(sarif.text(result))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(result.findings)
    for one in run["results"]:
        assert rules[one["ruleIndex"]]["id"] == one["ruleId"]
        assert one["kind"] in ("pass", "fail", "open", "notApplicable")
        assert (one["level"] == "none") == (one["kind"] != "fail")
        region = one["locations"][0]["physicalLocation"]["region"]
        assert region["startLine"] >= 1 and region["startColumn"] >= 1
    failure = next(one for one in run["results"] if one["ruleId"] == "GOV-01" and one["kind"] == "fail")
    assert failure["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].endswith("demo.yaml")


def test_junit_counts_what_it_holds(result: Assessment) -> None:
    root = ElementTree.fromstring(junit.text(result))
    assert int(root.attrib["tests"]) == len(root.findall(".//testcase")) == len(result.findings)
    assert int(root.attrib["failures"]) == len(root.findall(".//failure")) > 0


def test_gitlab_holds_the_failures(result: Assessment) -> None:
    rows = json.loads(gitlab.text(result))
    assert {row["check_name"] for row in rows} == {f.control for f in result.findings if f.fails and not f.waived}


def test_gitlab_sast_holds_the_same_failures_with_what_to_do(result: Assessment) -> None:
    report = json.loads(gitlab_sast.text(result))
    assert report["scan"]["type"] == "sast" and report["scan"]["status"] == "success"
    found = report["vulnerabilities"]
    assert {one["identifiers"][0]["value"] for one in found} == {f.control for f in result.findings if f.fails}
    assert len({one["id"] for one in found}) == len(found) > 0
    for one in found:
        assert one["severity"] in ("Critical", "High", "Medium", "Low", "Info")
        assert one["solution"] and one["location"]["start_line"] >= 1


def test_oscal_takes_no_unknown_for_a_pass(result: Assessment) -> None:
    run = json.loads(oscal.text(result))["assessment-results"]["results"][0]
    states = {one["target"]["target-id"]: one["target"]["status"]["state"] for one in run["findings"]}
    good = {one.control for one in result.judgements if one.standing in ("passed", "stated")}
    left = {one.control for one in result.judgements if one.standing == "not_applicable"}
    assert {control for control, state in states.items() if state == "satisfied"} == good
    assert set(states) == set(catalogue().controls) - left
    observed = {one["uuid"] for one in run["observations"]}
    assert len(observed) == len(set(result.findings))
    linked = [link["observation-uuid"] for one in run["findings"] for link in one.get("related-observations", ())]
    assert set(linked) <= observed and len(linked) == len(set(linked))


def test_a_spreadsheet_computes_nothing_that_a_stack_says(result: Assessment) -> None:
    hostile = replace(result, findings=(replace(result.findings[0], seen="=HYPERLINK(1)"), *result.findings[1:]))
    rows = list(csv.DictReader(io.StringIO(table.text(hostile))))
    assert len(rows) == len(result.findings)
    assert rows[0]["seen"] == "'=HYPERLINK(1)"
    assert [row["status"] for row in rows] == [f.status.value for f in result.findings]


def test_what_check_prints_as_json_is_as_its_schema_says(result: Assessment) -> None:
    schema = json.loads(json.dumps(plain.schema()))
    one = json.loads(json.dumps(plain.answer(result)))
    failed = plain.failure("other", InputError("SOC-1001", "no such file: other.yaml"))
    for good in (one, [one, failed]):
        jsonschema.validate(good, schema)
    for bad in ({**one, "go": "yes"}, {**one, "findings": [{**one["findings"][0], "status": "fine"}]}, failed):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema)


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("stack", ["demo", "cnrs"])
def test_the_dossier_stands_alone_and_is_accessible(stack: str) -> None:
    model = running(stack)
    text = dossier.html(assess.assess(model, PHASES), model)
    page = Page(text)
    names = [tag for tag, _ in page.tags]
    assert "script" not in names and "link" not in names and "img" not in names
    assert not [a for _, a in page.tags if str(a.get("href", "#")).startswith(("http", "//"))]
    assert dict(page.tags)["html"]["lang"] == "fr"
    assert names.count("h1") == 1
    assert all(attributes.get("scope") for tag, attributes in page.tags if tag == "th")
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    links = {str(a["href"])[1:] for tag, a in page.tags if tag == "a" and str(a.get("href")).startswith("#")}
    assert links <= set(ids)
    assert "transposés" in text and "compliant" not in text.lower()
    for control in ("NET-02", "EVD-03", "APP-01"):
        assert control in text


def test_values_are_escaped() -> None:
    model = running("demo")
    nasty = model.loaded.stack.model_copy(update={"organisation": "<script>alert(1)</script>"})
    model = replace(model, loaded=replace(model.loaded, stack=nasty))
    assert "<script>" not in dossier.html(assess.assess(model, PHASES), model)
