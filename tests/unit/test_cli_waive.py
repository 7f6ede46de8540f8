"""`socle waive`: what it writes, `check` takes; what `check` would refuse is not written."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from socle.cli.waive import waive
from socle.errors import InputError
from socle.policy.waiver import load_waivers
from socle.stack.load import known_stacks

SOON = (date.today() + timedelta(days=90)).isoformat()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path))
    return tmp_path / "waivers"


def waived(control: str = "NET-02", *scope: str, **changes: str) -> Result:
    said = {
        "reason": "the bastion is behind another one", "compensation": "l'accès est relu chaque semaine",
        "owner": "operations", "approver": "security officer", "until": SOON, **changes,
    }  # fmt: skip
    options = [word for name, value in said.items() for word in (f"--{name}", value)]
    return CliRunner().invoke(waive, [control, *(scope or ("demo",)), *options])


def test_what_is_written_waives(folder: Path) -> None:
    for control, scope in (("NET-02", "demo/ssh"), ("NET-03", "demo")):
        done = waived(control, scope)
        assert done.exit_code == 0, done.exception
    found = load_waivers("demo", known_stacks())
    assert [one.control for one in found if one.where.file.endswith("demo.yaml")] == ["NET-02", "NET-03"]
    assert any(one.covers("NET-02", "demo", "ssh") and one.compensation.startswith("l'accès") for one in found)


def test_what_people_wrote_stays_as_it_is(folder: Path) -> None:
    folder.mkdir()
    (folder / "demo.yaml").write_text("# ours\nwaivers:   # of the demonstration\n")
    assert waived().exit_code == 0
    assert (
        (folder / "demo.yaml")
        .read_text()
        .startswith("# ours\nwaivers:   # of the demonstration\n  - control: NET-02\n")
    )


@pytest.mark.parametrize(
    ("control", "scope", "changes", "code"),
    [
        ("NET-99", "demo", {}, "SOC-3101"),
        ("NET-02", "demonstration", {}, "SOC-3102"),
        ("NET-02", "*", {}, "SOC-3106"),
        ("NET-02", "*/ssh", {}, "SOC-3106"),
        ("NET-02", "demo", {"approver": " Operations"}, "SOC-3105"),
        ("NET-02", "demo", {"until": date.today().isoformat()}, "SOC-3107"),
        ("NET-02", "demo", {"reason": "because"}, "SOC-1104"),
    ],
)
def test_what_would_be_refused_is_not_written(
    folder: Path, control: str, scope: str, changes: dict[str, str], code: str
) -> None:
    refused = waived(control, scope, **changes).exception
    assert isinstance(refused, InputError)
    assert refused.code == code
    assert not folder.exists()
