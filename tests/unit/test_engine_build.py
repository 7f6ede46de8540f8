"""Programs are built once per content, by one process, and a failed build says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from socle.engine import build
from socle.errors import EngineError


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for infra/engine whose targets write a file instead of compiling."""
    folder = tmp_path / "engine"
    for name in ("cli", "provider", "livekit", "host"):
        (folder / name).mkdir(parents=True)
        (folder / name / "go.mod").write_text(
            "go 1.1\n\nrequire (\n\tgithub.com/pulumi/pulumi/pkg/v3 v3.2.1\n"
            "\tgithub.com/livekit/livekit-server v1.0.0\n)\n"
        )
    (folder / "Makefile").write_text(
        ".PHONY: pulumi livekit\nPLUGIN_VERSION := 1.2.3\n"
        "pulumi:\n\techo once >> $(BIN)/../../runs\n\techo built > $(BIN)/pulumi\n"
        "livekit:\n\t@echo the reason; false\n"
    )
    monkeypatch.setattr(build, "sources", lambda: folder)
    monkeypatch.setenv("SOCLE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "_on_path", lambda program: None)
    monkeypatch.setattr(build, "_go", lambda module: Path("go"))
    return folder


def test_built_once_and_again_when_its_sources_change(sources: Path, tmp_path: Path) -> None:
    runs = tmp_path / "cache/engine/runs"
    first = build.binary("pulumi")
    assert first.read_text() == "built\n"
    assert build.binary("pulumi") == first
    (sources / "livekit" / "more").write_text("of no concern to the CLI")
    assert build.binary("pulumi") == first
    assert runs.read_text().count("once") == 1
    (sources / "cli" / "go.sum").write_text("changed")
    assert build.binary("pulumi") != first
    assert runs.read_text().count("once") == 2


def test_a_failed_build_leaves_nothing_and_says_why(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot build livekit-server") as caught:
        build.binary("livekit-server")
    assert "the reason" in caught.value.hint
    assert caught.value.exit_code == 7
    assert not list((tmp_path / "cache/engine").glob("livekit-*/livekit-server"))
    assert not list((tmp_path / "cache/engine").glob("livekit-*/.build-*"))


def test_versions_are_read_where_they_are_pinned(sources: Path) -> None:
    assert build.version("pulumi") == "3.2.1"
    assert build.version("pulumi-resource-openstack") == "1.2.3"


def test_a_program_of_another_version_on_path_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pulumi"
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for said, taken in (
        (f"v{build.version('pulumi')}", True),
        (f"v{build.version('pulumi')}0", False),
        ("v0.1", False),
    ):
        program.write_text(f"#!/bin/sh\necho {said}\n")
        program.chmod(0o755)
        assert (build._on_path(build.PROGRAMS["pulumi"]) == program) is taken
