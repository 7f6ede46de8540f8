"""A run of Ansible: real, on this machine's own connection, with as many hosts as its usual forks are too few for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from socle.nodes import run
from socle.nodes.agent import Session
from tests.conftest import ROOT

NODES = 7  # Ansible alone takes five at a time
PLAY = """
- hosts: all
  strategy: ansible.builtin.free
  tasks:
    - ansible.builtin.wait_for: {path: "{{ mark }}", sleep: 1, timeout: 15}
      when: inventory_hostname != 'last'
    - ansible.builtin.file: {path: "{{ mark }}", state: touch, mode: "0600"}
      when: inventory_hostname == 'last'
"""


def test_nodes_that_wait_for_another_do_not_keep_it_from_its_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    playbooks = ROOT / "playbooks"
    shutil.copytree(playbooks / "plugins", tmp_path / "plugins")
    shutil.copy(playbooks / "ansible.cfg", tmp_path)
    (tmp_path / "wait.yml").write_text(PLAY)
    names = [*(f"one-{number}" for number in range(NODES - 1)), "last"]
    own = {"ansible_connection": "local", "ansible_become": False, "mark": str(tmp_path / "mark")}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"hosts": dict.fromkeys(names), "vars": own}}))
    (tmp_path / "secrets.yml").write_text("secrets: {}\n")
    monkeypatch.setattr(run.content, "folder", lambda _room: tmp_path)
    monkeypatch.setattr(run.paths, "stack_dir", lambda _name: tmp_path)
    session = cast(Session, SimpleNamespace(environment={}, config=tmp_path / "ssh_config", folder=tmp_path))
    events: list[dict[str, Any]] = list(
        run._events(tmp_path / "inventory.json", tmp_path / "secrets.yml", session, NODES, "wait.yml", {}, ())
    )
    assert not [event for event in events if event["event"] == "failed"]
    assert events[-1]["event"] == "end"
    assert set(events[-1]["nodes"]) == set(names)


def test_of_many_files_that_a_task_wrote_the_first_are_said() -> None:
    said: list[str] = []
    written = [f"/etc/{number}" for number in range(9)]
    event = {"event": "changed", "node": "demo-edge", "task": "Write.", "detail": written}
    run._count(event, run.Summary(), said.append)
    assert said == ["demo-edge: Write. [/etc/0, /etc/1, /etc/2, and 6 more]"]
