"""`socle check` of several stacks: one process, one output, one exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import click
import pytest
import yaml
from click.testing import CliRunner, Result

from socle.cli.check import FORMATS, check
from socle.errors import GateRefused, InputError
from tests.conftest import GOOD

Folder = Callable[..., None]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Writes stack files into a folder of their own: name -> what differs from a good one, or its text."""
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path / "stacks"))
    (tmp_path / "stacks").mkdir()

    def write(**stacks: dict[str, object] | str) -> None:
        for name, changes in stacks.items():
            text = changes if isinstance(changes, str) else yaml.safe_dump({**GOOD, **changes}, allow_unicode=True)
            (tmp_path / "stacks" / f"{name}.yaml").write_text(text)

    return write


SMALL: dict[str, object] = {"people": {"seats": 200, "peak_in_call": 0.05, "largest_room": 50}}
OPEN: dict[str, object] = {**SMALL, "access": {"from": ["0.0.0.0/0"]}, "network": {"cidr": "10.91.0.0/19"}}
WRONG = "organisation: [not, a, stack]\n"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(check, [str(one) for one in arguments], standalone_mode=False)


def test_each_stack_is_said_as_alone_and_the_sum_comes_last(folder: Folder) -> None:
    folder(one=SMALL, two=OPEN)
    many = run("one", "two")
    alone = [run("one").output.rstrip("\n"), run("two").output.rstrip("\n")]
    assert many.output.startswith("\n\n".join(alone) + "\n\n")
    refused = [name for name, text in zip(("one", "two"), alone, strict=True) if text.startswith("NO GO")]
    assert "two" in refused
    assert many.output.endswith(f"stacks: 2; GO: {2 - len(refused)}\nNO GO: {', '.join(refused)}\n")
    assert many.exit_code == GateRefused.exit_code


def test_what_cannot_be_read_stops_no_other_and_is_graver_than_a_refusal(folder: Folder) -> None:
    folder(a=WRONG, b=OPEN)
    done = run("a", "b")
    assert done.exit_code == InputError.exit_code
    assert "not judged: a" in done.output and "NO GO: b" in done.output and "NO GO  b " in done.output


def test_all_is_every_file_of_the_user_s_own_folder(folder: Folder) -> None:
    folder(one=SMALL, two=OPEN)
    assert run("--all").output == run("one", "two").output
    said = json.loads(run("--all", "--json").output)
    assert [row["stack"] for row in said] == ["one", "two"]


def test_a_folder_of_one_is_still_a_list(folder: Folder) -> None:
    folder(one=SMALL)
    alone = json.loads(run("one", "--json").output)
    assert json.loads(run("--all", "--json").output) == [alone]


def test_a_stack_named_twice_is_judged_once(folder: Folder) -> None:
    folder(one=SMALL)
    assert run("one", "one").output == run("one").output


def test_all_without_a_file_is_an_error(folder: Folder) -> None:
    assert isinstance(run("--all").exception, InputError)


@pytest.mark.parametrize("arguments", [(), ("--all", "one")])
def test_names_or_all_and_not_both(folder: Folder, arguments: tuple[str, ...]) -> None:
    folder(one=SMALL)
    assert isinstance(run(*arguments).exception, click.UsageError)


def test_what_failed_is_in_the_json_too(folder: Folder) -> None:
    folder(a=WRONG, b=SMALL)
    done = CliRunner().invoke(check, ["a", "b", "--json"], standalone_mode=False)
    wrong, right = json.loads(done.stdout)
    assert wrong["stack"] == "a" and wrong["go"] is False and wrong["error"].startswith("SOC-1")
    assert right["findings"]


def test_formats_hold_every_stack_and_tell_them_apart(folder: Folder, tmp_path: Path) -> None:
    folder(one=OPEN, two={**OPEN, "network": {"cidr": "10.92.0.0/19"}, "domain": "visio.two.example"})
    files = {kind: tmp_path / f"check.{kind}" for kind in ("sarif", "junit", "gitlab")}
    run("one", "two", *(word for kind, file in files.items() for word in (f"--{kind}", file)))
    alone = {name: json.loads(run(name, "--json").output)["findings"] for name in ("one", "two")}

    runs = json.loads(files["sarif"].read_text())["runs"]
    assert [one["properties"]["stack"] for one in runs] == ["one", "two"]
    assert len({one["automationDetails"]["id"] for one in runs}) == 2
    assert [len(one["results"]) for one in runs] == [len(findings) for findings in alone.values()]

    root = ElementTree.fromstring(files["junit"].read_text())
    cases = root.findall(".//testcase")
    assert int(root.attrib["tests"]) == len(cases) == sum(len(findings) for findings in alone.values())
    assert {case.attrib["name"].partition(":")[0] for case in cases} == {"one", "two"}

    rows = json.loads(files["gitlab"].read_text())
    failures = [f for findings in alone.values() for f in findings if f["status"] == "failed" and not f["waiver"]]
    assert len(rows) == len(failures) == len({row["fingerprint"] for row in rows})


@pytest.mark.parametrize("option", FORMATS)
def test_each_format_is_written_of_all_that_was_judged_and_of_nothing_it_is_not(
    folder: Folder, tmp_path: Path, option: str
) -> None:
    file = tmp_path / "report"
    folder(a=WRONG)
    done = run("--all", f"--{option}", file)
    assert (done.exit_code, file.exists()) == (InputError.exit_code, False)
    folder(b=OPEN, c=SMALL)
    assert run("--all", f"--{option}", file).exit_code == InputError.exit_code
    assert "NET-02" in file.read_text()
