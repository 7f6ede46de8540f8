"""The wheel carries the content: who installs it has the stacks, the program, the playbooks and the rules."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import ROOT, STACKS


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("socle-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_room_is_inside(unpacked: Path) -> None:
    content = unpacked / "socle" / "content"
    for stack in STACKS:
        assert (content / "stacks" / f"{stack}.yaml").is_file()
    for file in ("infra/program.py", "infra/engine/Makefile", "playbooks/site.yml", "policies/controls.yaml"):
        assert (content / file).is_file(), file


def test_a_stack_is_judged_without_a_checkout(unpacked: Path, tmp_path: Path) -> None:
    own = {"PYTHONPATH": str(unpacked), "HOME": str(tmp_path), "SOCLE_LANG": "en", "PATH": os.environ["PATH"]}
    show = [sys.executable, "-c", "from socle.cli import main; main()", "show", "demo", "--nodes", "--json"]
    done = subprocess.run(show, cwd=tmp_path, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert derive(load_stack("demo")).tier("media").nodes[-1].name in done.stdout
    where = [sys.executable, "-c", "import socle; print(socle.__file__)"]
    assert (
        str(unpacked) in subprocess.run(where, cwd=tmp_path, env=own, capture_output=True, text=True, check=True).stdout
    )
