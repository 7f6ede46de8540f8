"""The images that the lab's registry is given: the archives of SOCLE_IMAGES, else stand-ins that say so."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from socle.engine import build
from socle.errors import InputError
from socle.images import archive
from socle.lab import access, container_image, images, stand_ins, wiring, world
from socle.stack.load import load_release
from socle.stack.release import Overlay
from tests.registries import layout


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two archives and their sums, named by SOCLE_IMAGES; and a lab of the test's own."""
    found = tmp_path / "images"
    found.mkdir()
    for name in stand_ins.FILES:
        layout(tmp_path / name, content=name.encode()).tar(found / f"{name}.tar")
    sums(found)
    monkeypatch.setenv("SOCLE_IMAGES", str(found))
    monkeypatch.setattr(wiring, "DATA", tmp_path / "data")
    monkeypatch.setattr(access, "IMAGES", tmp_path / "access" / "images.yaml")
    monkeypatch.setattr(build, "digest", lambda _name: "livekit-1")
    return found


def sums(folder: Path) -> None:
    lines = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in sorted(folder.glob("*.tar"))]
    (folder / "SHA256SUMS").write_text("\n".join(lines) + "\n")


def test_the_archives_are_named_after_their_images(folder: Path) -> None:
    found = images.given()
    assert found and found.archives == {name: folder / f"{name}.tar" for name in stand_ins.FILES}
    images.check(found)


def test_no_folder_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOCLE_IMAGES", raising=False)
    assert images.given() is None


@pytest.mark.parametrize("text", [None, "", "no sums\n", "abc  ../outside.tar\n", "abc\n"])
def test_a_folder_without_readable_sums(text: str | None, folder: Path) -> None:
    (folder / "SHA256SUMS").unlink()
    if text is not None:
        (folder / "SHA256SUMS").write_text(text)
    with pytest.raises(InputError) as caught:
        images.given()
    assert caught.value.code == "SOC-6021"


@pytest.mark.parametrize("change", ["altered", "missing"])
def test_an_archive_that_is_not_its_sum_s(change: str, folder: Path) -> None:
    file = folder / "meet-backend.tar"
    if change == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes() + b"\0")
    found = images.given()
    assert found
    with pytest.raises(InputError) as caught:
        images.check(found)
    assert caught.value.code == "SOC-6022"


def remembered(source: str, livekit: str = "livekit-1") -> None:
    images.record().parent.mkdir(exist_ok=True)
    images.record().write_text(json.dumps({"livekit": livekit, "source": source}))
    access.IMAGES.parent.mkdir(exist_ok=True)
    access.IMAGES.write_text("images: {}\n")


def test_the_registry_is_filled_again_when_what_is_given_changes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not images.current()
    found = images.given()
    assert found
    remembered(found.key)
    assert images.current()
    layout(folder.parent / "newer", content=b"newer").tar(folder / "meet-backend.tar")
    sums(folder)
    assert not images.current()
    remembered("stand-in")
    assert not images.current(), "given images replace stand-ins, on a lab that runs too"
    monkeypatch.delenv("SOCLE_IMAGES")
    assert images.current()
    remembered(found.key)
    assert images.current(), "a call without the variable keeps what is there"
    remembered(found.key, livekit="another")
    assert not images.current()


def test_the_overlay_names_each_by_digest_and_marks_what_stands_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[list[str]] = []
    digest = "sha256:" + "1" * 64

    def run(command: list[str]) -> str:
        ran.append(command)
        files = [word for word in command if word.startswith("/x/")]
        local = "127.0.0.1:1/lasuite/"
        return json.dumps([{"name": local + Path(f).stem, "version": "v1", "digest": digest} for f in files])

    monkeypatch.setattr(images, "run", run)
    monkeypatch.setattr(world, "pid", lambda: 7)
    sources = {"livekit": Path("/x/livekit"), "meet-backend": Path("/x/meet-backend.tar")}
    for stood_in in (True, False):
        entries = images.push("registry.socle.test", sources, stood_in=stood_in)
        read = Overlay.model_validate({"images": entries}).images
        assert read["meet-backend"].pinned == f"registry.socle.test/lasuite/meet-backend@{digest}"
        assert (read["meet-backend"].stand_in, read["livekit"].stand_in) == (stood_in, False)
    assert ran[0][:5] == ["nsenter", "-t", "7", "-n", "--"], "the registry takes images from inside alone"


def test_what_stands_in_is_of_the_release_s_version() -> None:
    release = load_release("2026.11")
    assert release
    published = images.published()
    assert {name: published[name].tagged for name in stand_ins.FILES} == {
        name: release.images[name].tagged for name in stand_ins.FILES
    }


def test_a_stand_in_s_image_says_so_and_keeps_the_real_one_s_contract(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for name in ("usr/bin/python3.13", "usr/bin/dpkg", "usr/lib/a.so", "usr/share/doc/x"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    made = [container_image.layer(lambda tar: stand_ins.debian(tar, root)) for _ in range(2)]
    assert made[0] == made[1], "the same content gives the same digest"
    backend = stand_ins.image(made[0], "meet-backend", "v1.27.0")
    container_image.write_layout(backend, tmp_path / "layout", "docker.io/lasuite/meet-backend:v1.27.0")
    with archive.opened(tmp_path / "layout") as source:
        read = source.image()
        assert (read.reference, read.version) == ("docker.io/lasuite/meet-backend:v1.27.0", "v1.27.0")
    config = json.loads(backend.configuration.data)["config"]
    assert config["Labels"]["stand_in"] == "true"
    assert "not La Suite Meet" in config["Labels"]["org.opencontainers.image.description"]
    assert config["User"] == "1001:127:-1000"
    assert config["Entrypoint"] == ["/usr/local/bin/entrypoint"]
    assert config["Cmd"][0] == "gunicorn"


def test_show_says_what_stands_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from socle.cli.show import show

    overlay = tmp_path / "overlay.yaml"
    entry = {"reference": "registry.socle.test/lasuite/meet-backend", "version": "v1.27.0", "stand_in": True}
    overlay.write_text(yaml.safe_dump({"images": {"meet-backend": entry}}))
    written(tmp_path, overlay)
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path / "stacks"))
    said = "meet-backend: a stand-in, not La Suite Meet"
    assert said in CliRunner().invoke(show, ["cnrs"]).output
    assert said not in CliRunner().invoke(show, ["demo"]).output, "the demonstration has no application"


def written(folder: Path, overlay: Path) -> None:
    """A stack with the application, on a cloud with that overlay."""
    from tests.conftest import ROOT

    (folder / "stacks/clouds").mkdir(parents=True)
    for name in ("secnum-paris", "lab"):
        text = (ROOT / f"stacks/clouds/{name}.yaml").read_text(encoding="utf-8")
        kept = [line for line in text.splitlines() if not line.startswith("release_overlay")]
        (folder / f"stacks/clouds/{name}.yaml").write_text("\n".join([*kept, f"release_overlay: {overlay}"]) + "\n")


def test_the_dossier_says_what_stands_in() -> None:
    from dataclasses import replace

    from socle import assess
    from socle.report import dossier
    from tests.models import intended

    model = intended("cnrs")
    result = assess.assess(model, assess.BEFORE_APPLY)
    images_ = {name: one.model_copy(update={"stand_in": name == "meet-backend"}) for name, one in
               model.loaded.release.images.items()}  # fmt: skip
    release = model.loaded.release.model_copy(update={"images": images_})
    standing_in = replace(model, loaded=replace(model.loaded, release=release))
    said = "Stand-ins of the lab, not La Suite Meet: meet-backend."
    assert said in dossier.html(result, standing_in, language="en")
    assert said not in dossier.html(result, model, language="en")
