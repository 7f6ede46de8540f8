"""Files for auditors before the programs that auditors read them with: trestle for OSCAL, Multitool for SARIF."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from socle import assess
from socle.policy.mutation import on_stack
from socle.policy.outcome import PHASES
from socle.report import oscal, sarif
from tests.conftest import ROOT
from tests.models import intended, running

VALIDATORS = ROOT / ".venv-validators"
TRESTLE = VALIDATORS / "bin/trestle"
MULTITOOL = VALIDATORS / "node_modules/.bin/sarif-multitool"
STACKS = sorted(file.stem for file in (ROOT / "stacks").glob("*.yaml"))

pytestmark = pytest.mark.skipif(not (TRESTLE.exists() and MULTITOOL.exists()), reason="not installed: make validators")


def run(*command: str | Path, folder: Path, more: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, **(more or {})},
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return said


@pytest.fixture(params=STACKS)
def results(request: pytest.FixtureRequest) -> Iterator[list[assess.Assessment]]:
    """Of a good stack in all phases, and of one that fails, so that each kind of result is in the file."""
    model = running(request.param)
    bad = on_stack("data.media", "sensitive")(intended(request.param))
    yield [assess.assess(model, PHASES), assess.assess(bad, assess.BEFORE_APPLY)]


def test_trestle_takes_the_oscal_file(results: list[assess.Assessment], tmp_path: Path) -> None:
    file, project = tmp_path / "run.oscal.json", tmp_path / "project"
    file.write_text(oscal.text(*results), encoding="utf-8")
    project.mkdir()  # trestle takes nothing that is in its project already
    run(TRESTLE, "init", "--local", folder=project)
    run(TRESTLE, "import", "--file", file, "--output", "run", folder=project)
    assert "VALID" in run(TRESTLE, "validate", "--type", "assessment-results", "--name", "run", folder=project)


def test_multitool_takes_the_sarif_file(results: list[assess.Assessment], tmp_path: Path) -> None:
    file, report = tmp_path / "run.sarif", tmp_path / "report.sarif"
    file.write_text(sarif.text(*results), encoding="utf-8")
    invariant = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}  # no ICU is asked for
    bounds = ("--max-file-size-in-kb", "100000")  # else a large file is left out
    run(MULTITOOL, "validate", file, "--output", report, *bounds, folder=tmp_path, more=invariant)
    found = {one["ruleId"] for run in json.loads(report.read_text("utf-8-sig"))["runs"] for one in run["results"]}
    assert found <= {"SARIF2005"}, found  # no page on the Internet is named
