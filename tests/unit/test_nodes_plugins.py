"""The two modules and the callback that the playbooks bring."""

from __future__ import annotations

import getpass
import grp
import importlib.util
import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.conftest import ROOT

PLUGINS = ROOT / "playbooks" / "plugins"


def loaded_plugin(path: str) -> ModuleType:
    return loaded(PLUGINS / path)


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def module(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, str(PLUGINS / "modules" / f"{name}.py")],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "ANSIBLE_NO_LOG": "0"},
    )
    return dict(json.loads(done.stdout.strip().splitlines()[-1]))


def place(entry: dict[str, Any], content: str | None = None) -> dict[str, Any]:
    own = {"owner": getpass.getuser(), "group": grp.getgrgid(os.getgid()).gr_name, "mode": "0640"}
    contents = {} if content is None else {entry["path"]: content}
    return module("place_files", {"files": [{**own, **entry}], "contents": contents})


def test_a_file_is_placed_once_with_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "conf"
    assert place({"path": str(file)}, "text\n")["placed"] == [str(file)]
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("text\n", 0o640)
    assert not place({"path": str(file)}, "text\n")["changed"]
    file.chmod(0o666)
    assert place({"path": str(file)}, "text\n")["changed"]
    assert file.stat().st_mode & 0o777 == 0o640


def test_what_its_program_refuses_replaces_nothing(tmp_path: Path) -> None:
    file = tmp_path / "conf"
    place({"path": str(file)}, "good\n")
    done = place({"path": str(file), "validate": ["grep", "-q", "good", "%s"]}, "bad\n")
    assert done["failed"]
    assert "refused" in done["msg"]
    assert file.read_text() == "good\n"
    assert [p.name for p in tmp_path.iterdir()] == ["conf"]


def test_folders_links_and_what_must_be_gone(tmp_path: Path) -> None:
    assert place({"path": str(tmp_path / "d"), "folder": True, "mode": "0750"})["changed"]
    assert place({"path": str(tmp_path / "l"), "link": "d"})["changed"]
    assert not place({"path": str(tmp_path / "l"), "link": "d"})["changed"]
    assert place({"path": str(tmp_path / "d"), "absent": True})["changed"]
    assert not place({"path": str(tmp_path / "d"), "absent": True})["changed"]


def properties(state: str, started: float) -> dict[str, str]:
    import time

    ago = time.time() - started
    monotonic = int((time.clock_gettime(time.CLOCK_MONOTONIC) - ago) * 1e6)
    return {"ActiveState": state, "InactiveExitTimestampMonotonic": str(monotonic), "FragmentPath": "/usr/x",
            "SourcePath": "", "DropInPaths": ""}  # fmt: skip


@pytest.mark.parametrize(
    ("state", "file_age", "can_reload", "wanted"),
    [
        ("active", 100, False, ""),  # written before the start: read
        ("active", 5, False, "restart"),  # written after it: not read, whoever was killed in between
        ("active", 5, True, "reload"),
        ("failed", 100, False, "start"),
        ("inactive", 5, True, "start"),
    ],
)
def test_a_unit_is_restarted_when_its_files_are_newer_than_its_start(
    tmp_path: Path, state: str, file_age: float, can_reload: bool, wanted: str
) -> None:
    import time

    service = loaded_plugin("modules/service_current.py")
    service.STAMPS = str(tmp_path / "stamps")
    file = tmp_path / "conf"
    file.write_text("x")
    os.utime(file, (time.time() - file_age,) * 2)
    assert service.needed("u.service", properties(state, time.time() - 50), [str(file)], can_reload) == wanted
    if wanted == "reload":
        service.stamp_now("u.service")
        assert service.needed("u.service", properties(state, time.time() - 50), [str(file)], can_reload) == ""


def event(method: str, data: dict[str, Any], tags: tuple[str, ...] = ()) -> dict[str, Any]:
    callback = loaded_plugin("callback/socle_lines.py").CallbackModule()
    task = SimpleNamespace(get_name=lambda: "a task", tags=tags)
    result = SimpleNamespace(host=SimpleNamespace(get_name=lambda: "n1"), task=task, result=data)
    out = io.StringIO()
    with redirect_stdout(out):
        getattr(callback, method)(result)
    return dict(json.loads(out.getvalue()))


def test_the_callback_says_what_changed_and_never_the_arguments() -> None:
    data = {"changed": True, "placed": ["/etc/x"], "invocation": {"module_args": {"contents": "s3cret"}}}
    said = event("v2_runner_on_ok", data)
    assert (said["event"], said["detail"]) == ("changed", ["/etc/x"])
    assert "s3cret" not in json.dumps(said)
    failed = event("v2_runner_on_failed", {"msg": "non-zero return code", "stderr": "a\nno such host\n"})
    assert failed["reason"].endswith("no such host")
    assert event("v2_runner_on_ok", {"stdout": "{}"}, ("facts",))["event"] == "facts"


def test_the_facts_script_describes_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has more rights, or is anybody's, is looked for in a folder: the files of a machine are many."""
    file, program, loose = tmp_path / "x", tmp_path / "program", tmp_path / "loose"
    for made, mode in ((file, 0o644), (program, 0o4755), (loose, 0o666)):
        made.write_text("abc")
        made.chmod(mode)
    script = loaded(ROOT / "playbooks" / "roles" / "base" / "files" / "facts.py")
    monkeypatch.setattr(script, "ROOT", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["facts.py", str(file)])
    script.main()
    facts = json.loads(capsys.readouterr().out)
    assert facts["files"][str(file)]["sha256"].startswith("ba7816bf")
    assert {"sockets", "sshd", "failed_units", "sysctl", "time", "packages", "container"} <= set(facts)
    assert facts["hardening"]["privileged"] == [str(program)]
    assert facts["hardening"]["loose"] == [str(loose)]
