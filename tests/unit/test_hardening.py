"""Levels, rights and windows: what the base role's lists say, and what becomes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from policies.rules import hardening
from socle.nodes import render, variables
from socle.policy.evaluate import evaluate
from socle.policy.mutation import in_facts
from socle.policy.rule import rules
from socle.stack import load_stack
from socle.stack.model import Maintenance, Window
from socle.topology import derive
from tests.conftest import ROOT
from tests.models import running
from tests.unit.test_nodes_plugins import loaded_plugin, place

LEVELLED = [
    {"path": "/own", "template": "root-alone.j2", "level": "enhanced"},
    {"path": "/usr/bin/su", "rights": True, "mode": "0755", "level": "enhanced"},
    {"path": "/all", "template": "root-alone.j2"},
]


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        ("enhanced", {"/own": "content", "/usr/bin/su": "rights", "/all": "content"}),
        ("intermediary", {"/own": "absent", "/all": "content"}),
    ],
)
def test_below_its_level_a_file_goes_and_rights_of_others_stay(level: str, wanted: dict[str, str]) -> None:
    templates = ROOT / "playbooks" / "roles" / "base" / "templates"
    done = render._rendering().rendered(LEVELLED, templates, {"node": {"level": level}})
    assert {one["path"]: next(key for key in ("content", "absent", "rights") if key in one) for one in done} == wanted


def test_rights_are_given_to_a_file_that_is_there_and_make_none(tmp_path: Path) -> None:
    file = tmp_path / "program"
    entry = {"path": str(file), "rights": True, "mode": "0600"}
    assert not place(entry)["changed"]
    assert not file.exists()
    file.write_text("x")
    file.chmod(0o4755)
    assert place(entry)["changed"]
    assert file.stat().st_mode & 0o7777 == 0o600
    assert not place(entry)["changed"]
    (tmp_path / "link").symlink_to(file)
    assert not place({**entry, "path": str(tmp_path / "link"), "mode": "0777"})["changed"]


def test_a_folder_on_the_way_can_be_entered_whatever_the_session_s_mask(tmp_path: Path) -> None:
    module = loaded_plugin("modules/place_files.py")

    before = os.umask(0o077)
    try:
        module.make_folders(str(tmp_path / "a" / "b"))
    finally:
        os.umask(before)
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o755


def test_upgrades_begin_in_the_first_half_of_the_shortest_window() -> None:
    windows = [
        Window(days=["sat"], start="22:00", end="04:00"),
        Window(days=["tue", "wed"], start="02:00", end="05:00"),
    ]
    said = variables.maintenance(Maintenance(timezone="Europe/Paris", windows=windows))
    assert said["spread"] == 90
    assert [window["days"] for window in said["windows"]] == ["Sat", "Tue,Wed"]


def test_the_timer_of_upgrades_has_every_window_of_the_stack_and_no_other() -> None:
    loaded = load_stack("cnam")
    timer = render.render(loaded, derive(loaded))["edge", "/etc/systemd/system/apt-daily-upgrade.timer.d/window.conf"]
    times = [line for line in timer.splitlines() if line.startswith("OnCalendar=")]
    assert times == ["OnCalendar=", "OnCalendar=Sat,Sun *-*-* 22:00:00 Europe/Paris"]
    assert "Persistent=false" in timer, "a window that was missed is not made up for at the next start"


def test_what_a_container_cannot_show_is_unknown_and_never_passed() -> None:
    asked = {"HST-02", "HST-05", "HST-07", "HST-14", "HST-23"}
    spoil = {"container": True, "sysctl": {"kernel.yama.ptrace_scope": "0", "fs.suid_dumpable": "2"}}
    model = in_facts(lambda facts: facts.update(spoil), tier="bastion")(running("demo"))
    model = in_facts(lambda facts: facts["hardening"].update(apparmor=None, audit=None), tier="bastion")(model)
    name = model.topology.tier("bastion").nodes[0].name
    chosen = [one for one in rules() if one.control in asked and one.phase == "runtime"]
    statuses = {f.control: str(f.status) for f in evaluate(model, chosen, ("runtime",)) if f.subject == name}
    assert statuses == dict.fromkeys(asked, "unknown")


def test_facts_that_could_not_be_read_pass_nothing() -> None:
    model = in_facts(lambda facts: facts.update(hardening={"privileged": None, "loose": None}))(running("demo"))
    name = model.topology.nodes[0].name
    chosen = [one for one in rules() if one.phase == "runtime" and one.judge.__module__ == hardening.__name__]
    kept = {"HST-05", "HST-06", "HST-07", "HST-24", "NET-10", "SSH-02"}  # judged on other facts
    found = {f.control: str(f.status) for f in evaluate(model, chosen, ("runtime",)) if f.subject == name}
    assert found
    assert not [control for control, status in found.items() if status == "passed" and control not in kept]


def test_the_facts_tell_of_this_machine_what_the_guide_asks() -> None:
    script = ROOT / "playbooks" / "roles" / "base" / "files" / "facts.py"
    program = (
        f"import runpy, json; f = runpy.run_path({str(script)!r}); print(json.dumps([f['apparmor'](), f['audit']()]))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    apparmor, audit = json.loads(done.stdout)
    assert apparmor is None or apparmor["enforce"] >= 0
    assert audit is None or audit["enabled"] in (0, 1, 2)
