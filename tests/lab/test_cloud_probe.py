"""The embedded cloud as `socle cloud probe` sees it, against its file. Reads only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from socle.stack.cloud import Cloud
from socle.stack.load import load_cloud
from tests.conftest import LAB_ACCESS, ROOT

pytestmark = pytest.mark.lab

# What no API tells: a person writes it.
WRITTEN = ("name", "embedded", "surroundings", "qualification", "certificates", "release_overlay", "lab")


def probe(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "socle", "cloud", "probe", *arguments]
    env = {**os.environ, "SOCLE_LANG": "en"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory, every_service: int) -> Path:
    """The file that is written."""
    out = tmp_path_factory.mktemp("clouds") / "lab.yaml"
    written(out)
    return out


def written(out: Path) -> None:
    done = probe("lab", "--clouds", str(LAB_ACCESS), "--out", str(out), "--replace", out.name)
    assert done.returncode == 0, done.stderr
    assert "left to write, as no API tells it: name, surroundings, qualification" in done.stderr


def test_the_file_of_the_lab_is_what_its_apis_tell(probed: Path) -> None:
    shipped = yaml.safe_load((ROOT / "stacks" / "clouds" / "lab.yaml").read_text(encoding="utf-8"))
    told = yaml.safe_load(probed.read_text(encoding="utf-8"))
    made = Cloud.model_validate({**told, **{key: shipped[key] for key in WRITTEN}})
    file = load_cloud("lab")
    for key in ("region", "auth_url", "project", "credentials", "ca_certificate", "zones", "external_network"):
        assert getattr(made, key) == getattr(file, key), key
    assert set(made.services) == set(file.services)
    assert made.flavours == file.flavours
    assert made.volume_types.keys() == file.volume_types.keys()
    assert made.dns.update == file.dns.update and made.load_balancer == file.load_balancer
    images = {key: (one.name, one.user) for key, one in made.images.items()}
    assert images == {key: (one.name, one.user) for key, one in file.images.items()}
    assert all(one.sha512 for one in made.images.values())


def test_what_a_plain_user_is_not_told_is_marked(probed: Path) -> None:
    """Cinder keeps it to administrators which of its types it encrypts."""
    text = probed.read_text(encoding="utf-8")
    assert "whether it encrypts lab, lab-encrypted" in text
    assert "application_credential" not in text


@pytest.mark.usefixtures("probed")
def test_the_lab_is_as_its_file_says() -> None:
    done = probe("--compare", "lab")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("no difference")


@pytest.mark.usefixtures("probed")
def test_a_file_that_says_more_than_the_lab_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = yaml.safe_load((ROOT / "stacks" / "clouds" / "lab.yaml").read_text(encoding="utf-8"))
    shipped["flavours"]["lab.small"]["memory"] = 1
    shipped["zones"] = [*shipped["zones"], "zone-4"]
    (tmp_path / "clouds").mkdir()
    (tmp_path / "clouds" / "lab.yaml").write_text(yaml.safe_dump(shipped), encoding="utf-8")
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path))
    done = probe("--compare", "lab")
    assert done.returncode == 10, done.stdout + done.stderr
    assert "zone zone-4" in done.stdout and "memory: 1.0 -> 0.5" in done.stdout and "SOC-4245" in done.stderr
