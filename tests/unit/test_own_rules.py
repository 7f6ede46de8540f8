"""A ministry's own controls and rules: judged beside ours, proven by the same laws, mistakes told at their line."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT

EXAMPLE = ROOT / "docs/own-rules"
KEEPING = "rules/keeping.py"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE, tmp_path / "own", ignore=shutil.ignore_patterns("__pycache__")))


def socle(policies: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own: rules are registered once in one."""
    told = {"SOCLE_POLICIES": str(policies), "SOCLE_LANG": "en", "XDG_CACHE_HOME": str(policies.parent / "cache")}
    return subprocess.run(
        [sys.executable, "-m", "socle", *arguments],
        cwd=ROOT, env={**os.environ, **told}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_example_is_judged_beside_ours_and_bites(policies: Path) -> None:
    proven = socle(policies, "rules", "--prove", "demo")
    assert (proven.returncode, proven.stderr) == (0, "")
    assert [line.split()[:2] for line in proven.stdout.splitlines()[1:]] == [
        ["MIN-01.spec", "bites"],
        ["MIN-02.plan", "bites"],
    ]
    answer = json.loads(socle(policies, "check", "demo", "--json").stdout)
    assert answer["go"] and answer["controls"]["MIN-01"]["standing"] == "passed"

    file = policies / KEEPING
    file.write_text(file.read_text().replace("DAYS = 365", "DAYS = 30"))
    again = socle(policies, "check", "demo", "--json")
    stricter = json.loads(again.stdout)
    assert (again.returncode, stricter["controls"]["MIN-01"]["standing"]) == (3, "failed"), (
        "a changed rule is remembered"
    )
    assert stricter["digest"] != answer["digest"]


Change = Callable[[str], str]


@pytest.mark.parametrize(
    ("name", "change", "code", "told"),
    [
        (
            KEEPING,
            lambda text: text.replace("days <= DAYS", "days >= 0"),
            "SOC-3007",
            "MIN-01.spec: does not see",
        ),
        (
            KEEPING,
            lambda text: text.replace("size <= LARGEST", "size < 0"),
            "SOC-3007",
            "MIN-02.plan: fails",
        ),
        (KEEPING, lambda text: text.replace('"MIN-02"', '"MIN-03"'), "SOC-3003", "MIN-03"),
        (KEEPING, lambda text: text + "\ndef broken(:\n", "SOC-3006", "keeping.py:34:1"),
        (KEEPING, lambda text: text + "\nraise RuntimeError('no network')\n", "SOC-3006", "RuntimeError: no network"),
        (KEEPING, lambda text: text.replace("volume.get(", "volume.lacks("), "SOC-3002", "MIN-02.plan"),
        ("controls.yaml", lambda text: text.replace("MIN-01", "NET-02"), "SOC-3004", "twice: NET-02"),
        (
            "controls.yaml",
            lambda text: text.replace("    severity: high\n", ""),
            "SOC-3004",
            "misses: 'severity'",
        ),
    ],
    ids=["blind", "fails the good", "no control", "no Python", "raises at once", "raises later", "ours", "incomplete"],
)
def test_a_mistake_is_told_and_nothing_is_judged(
    policies: Path, name: str, change: Change, code: str, told: str
) -> None:
    file = policies / name
    text = file.read_text()
    file.write_text(change(text))
    assert file.read_text() != text
    done = socle(policies, "rules", "--prove", "demo")
    assert done.returncode in (1, 2), done.stdout
    assert code in done.stderr and told in done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_control_that_no_rule_judges_and_nobody_states_is_told(policies: Path) -> None:
    file = policies / "controls.yaml"
    file.write_text(file.read_text() + file.read_text().partition("controls:\n")[2].partition("\n\n")[0]
                    .replace("MIN-01", "MIN-09") + "\n")  # fmt: skip
    done = socle(policies, "rules", "--prove", "demo")
    assert done.returncode == 2 and "MIN-09: no rule judges it" in done.stderr


def test_a_folder_that_is_not_there_is_no_folder_without_rules(tmp_path: Path) -> None:
    done = socle(tmp_path / "nowhere", "check", "demo")
    assert done.returncode == 2 and "SOC-1001" in done.stderr, done.stderr
