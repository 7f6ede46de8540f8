"""`socle check --watch`: judged again when a file is another, and only then; a mistake ends nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from socle.cli import watching
from socle.cli.check import check
from tests.conftest import GOOD


def test_a_round_begins_when_a_file_is_another_than_before(tmp_path: Path) -> None:
    file = tmp_path / "stacks" / "one.yaml"
    file.parent.mkdir()
    looks: list[str] = []

    def sleep(_seconds: float) -> None:
        looks.append("look")
        {
            2: lambda: file.write_text("a: 1\n"),
            4: lambda: file.write_text("a: 12\n"),
            5: lambda: (tmp_path / "notes.txt").write_text("no stack"),
            7: file.unlink,
        }.get(len(looks), lambda: None)()

    rounds = watching.changes([tmp_path], sleep)
    begun = []
    for _number in range(4):
        next(rounds)
        begun.append(len(looks))
    assert begun == [0, 2, 4, 7]


def test_a_mistake_and_a_refusal_are_told_and_the_next_change_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    monkeypatch.setenv("SOCLE_STACKS", str(folder))
    mistake, opened = "organisation: [no, stack]\n", yaml.safe_dump({**GOOD, "access": {"from": ["0.0.0.0/0"]}})
    good = yaml.safe_dump(GOOD, allow_unicode=True)
    watched: list[Path] = []

    def changes(folders: Sequence[Path]) -> Iterator[None]:
        watched.extend(folders)
        for text in (mistake, opened, good):
            (folder / "one.yaml").write_text(text)
            yield
        raise KeyboardInterrupt

    monkeypatch.setattr(watching, "changes", changes)
    done = CliRunner().invoke(check, ["one", "--watch"], standalone_mode=False)
    assert done.exit_code == 0, done.exception
    assert folder in watched
    first, second, third, rest = done.output.split("waiting for a change; Ctrl-C ends\n")
    assert "SOC-1" in first and "one.yaml:1" in first
    assert "NO GO  one" in second and "NET-02" in second
    assert "one" in third and "NET-02" not in third
    assert rest == ""


def test_a_stack_that_is_added_while_all_are_watched_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "stacks"
    folder.mkdir()
    monkeypatch.setenv("SOCLE_STACKS", str(folder))

    def changes(_folders: Sequence[Path]) -> Iterator[None]:
        for name, block in (("one", "10.90.0.0/19"), ("two", "10.91.0.0/19")):
            (folder / f"{name}.yaml").write_text(yaml.safe_dump({**GOOD, "network": {"cidr": block}}))
            yield

    monkeypatch.setattr(watching, "changes", changes)
    done = CliRunner().invoke(check, ["--all", "--watch"], standalone_mode=False)
    before, after, _rest = done.output.split("waiting for a change; Ctrl-C ends\n")
    assert "stacks: 1;" in before and "stacks: 2;" in after
