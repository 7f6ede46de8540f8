"""What auditors and machines read: SARIF, JUnit, GitLab, the dossier."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from socle import assess
from socle.policy.finding import Assessment
from socle.policy.outcome import PHASES
from socle.report import dossier, gitlab, junit, sarif
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
