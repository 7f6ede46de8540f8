"""A stack as of a git revision: its file and all that it refers to, and one clear error where there is none."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from socle import content
from socle.cli.diff import diff
from socle.errors import InputError, StackErrors
from socle.policy.waiver import load_waivers
from socle.stack import load_stack
from socle.stack.revision import opened, split
from tests.conftest import GOOD, ROOT

pytestmark = pytest.mark.usefixtures("graphs")
WAIVER = {
    "control": "CTR-07",
    "scope": ["exemple"],
    "reason": "the digest comes with the copy of the image",
    "compensation": "one registry alone",
    "owner": "release manager",
    "approver": "security officer",
    "expires": "2099-01-01",
}


class Repository:
    """A ministry's own: `stacks/exemple.yaml`, its cloud and release, one commit a change."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git("init", "-q", "-b", "main")
        for path in ("clouds/secnum-paris.yaml", "releases/2026.11.yaml"):
            self.write(path, (ROOT / "stacks" / path).read_text(encoding="utf-8"))
        self.stack()
        self.commit("first")

    def git(self, *arguments: str) -> str:
        own = ["git", "-C", str(self.folder), "-c", "user.name=A", "-c", "user.email=a@ministry.example"]
        return subprocess.run([*own, *arguments], check=True, capture_output=True, text=True).stdout

    def write(self, path: str, text: str) -> Path:
        file = self.folder / "stacks" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def stack(self, **changes: object) -> Path:
        return self.write("exemple.yaml", yaml.safe_dump({**GOOD, **changes}, allow_unicode=True, sort_keys=False))

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    folder = tmp_path / "ministry"
    folder.mkdir()
    for name, value in {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SOCLE_STACKS", raising=False)
    monkeypatch.chdir(folder)
    return Repository(folder)


def asked(*arguments: str) -> Result:
    return CliRunner().invoke(diff, arguments, catch_exceptions=False)


def told(*arguments: str) -> dict[str, object]:
    document = json.loads(asked(*arguments, "--json").output)
    assert isinstance(document, dict)
    return document


def refused(argument: str) -> InputError:
    with pytest.raises(InputError) as caught, opened(argument):
        pass
    return caught.value


@pytest.mark.parametrize(
    ("argument", "parts"),
    [
        ("cnrs", ("cnrs", None)),
        ("cnrs@main", ("cnrs", "main")),
        ("cnrs@HEAD@{1}", ("cnrs", "HEAD@{1}")),
        ("cnrs@feature/x", ("cnrs", "feature/x")),
        ("stacks/cnrs.yaml", ("stacks/cnrs.yaml", None)),
        ("a@b/cnrs.yaml@v1", ("a@b/cnrs.yaml", "v1")),
        ("stacks/cnrs.yml@HEAD~3", ("stacks/cnrs.yml", "HEAD~3")),
    ],
)
def test_a_revision_follows_the_name_or_the_file(argument: str, parts: tuple[str, str | None]) -> None:
    assert split(argument) == parts


def test_a_file_that_exists_is_a_file(stack_file: Callable[..., Path]) -> None:
    file = stack_file()
    odd = file.rename(file.with_name("odd@main.yaml@v1"))
    assert split(str(odd)) == (str(odd), None)


def test_a_revision_is_compared_with_the_file_as_it_is(repository: Repository) -> None:
    repository.stack(people={"seats": 9000, "peak_in_call": 0.05, "largest_room": 150})
    found = told("exemple@HEAD")
    (change,) = found["intent"]  # type: ignore[misc]
    assert (change["key"], change["old"], change["new"]) == ("people.seats", 5000, 9000)
    assert change["old_at"]["file"] == "stacks/exemple.yaml@HEAD"
    assert change["new_at"]["file"] == "stacks/exemple.yaml"
    line = Path("stacks/exemple.yaml").read_text().splitlines()[change["new_at"]["line"] - 1]
    assert line.strip() == "seats: 9000"
    assert found["put_aside"] == []


def test_a_file_can_be_named_from_anywhere(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    file = repository.stack(availability="three-zones")
    monkeypatch.chdir(file.parent)
    found = told("exemple.yaml@main", "./exemple.yaml")
    assert [one["key"] for one in found["intent"]] == ["availability"]  # type: ignore[attr-defined]


def test_two_revisions_are_compared_whatever_the_working_tree_holds(repository: Repository) -> None:
    repository.stack(availability="three-zones")
    repository.commit("second")
    repository.write("exemple.yaml", "not: a stack\n")
    found = told("exemple@HEAD~1", "exemple@HEAD")
    assert [(one["key"], one["old"], one["new"]) for one in found["intent"]] == [  # type: ignore[attr-defined]
        ("availability", "two-zones", "three-zones")
    ]


def test_the_cloud_file_is_the_revisions_too(repository: Repository) -> None:
    cloud = repository.folder / "stacks/clouds/secnum-paris.yaml"
    before = cloud.read_text(encoding="utf-8")
    cloud.write_text(before.replace("c1.media", "c2.media"), encoding="utf-8")
    found = told("exemple@HEAD")
    assert {(one["part"], one["key"]) for one in found["intent"]} >= {("cloud", "flavours.c2.media.vcpus")}  # type: ignore[attr-defined]
    tiers = [one for one in found["topology"] if one["key"] == "flavour"]  # type: ignore[attr-defined]
    assert [(one["subject"], one["old"], one["new"]) for one in tiers] == [("media", "c1.media", "c2.media")]


def test_a_cloud_that_came_later_is_unknown_to_the_revision(repository: Repository) -> None:
    repository.stack(cloud="later")
    repository.commit("a stack before its cloud")
    cloud = repository.folder / "stacks/clouds/secnum-paris.yaml"
    repository.write("clouds/later.yaml", cloud.read_text(encoding="utf-8"))
    assert load_stack("exemple").stack.cloud == "later"
    error = refused("exemple@HEAD")
    assert error.code == "SOC-1202"
    assert error.where and error.where.file == "stacks/exemple.yaml@HEAD"


def test_a_waiver_counts_from_the_revision_that_has_it(repository: Repository) -> None:
    repository.write("waivers/own.yaml", yaml.safe_dump({"waivers": [WAIVER]}))
    for argument, count in (("exemple@HEAD", 0), ("exemple", 1)):
        with opened(argument) as (loaded, _origin):
            assert len(load_waivers(loaded.name, [loaded.name, "cnrs", "cnam", "dgfip", "armees"])) == count
    changes = {one["subject"]: (one["old"], one["new"]) for one in told("exemple@HEAD")["verdict"]}  # type: ignore[attr-defined]
    assert changes["CTR-07"][1] == "waived"


def test_a_stack_that_is_gone_can_still_be_read(repository: Repository) -> None:
    (repository.folder / "stacks/exemple.yaml").unlink()
    with opened("exemple@HEAD") as (loaded, origin):
        assert loaded.stack.people.seats == 5000
        assert origin.commit
        assert origin.commit in repository.git("rev-parse", "HEAD")


def test_what_lies_in_the_repository_and_is_none_of_its_files_stays(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An environment with Socle in it, below the ministry's own folder."""
    shipped = repository.folder / ".venv/content/stacks"
    (shipped / "clouds").mkdir(parents=True)
    here = repository.folder / "stacks"
    (here / "clouds/secnum-paris.yaml").rename(shipped / "clouds/secnum-paris.yaml")
    (repository.folder / ".gitignore").write_text(".venv\n")
    repository.commit("the cloud is the tool's")
    monkeypatch.setattr(content, "search_path", _with(content.search_path, here, shipped))
    with opened("exemple@HEAD") as (loaded, _origin):
        assert loaded.cloud.region == "paris-1"


def test_a_folder_that_came_after_the_revision_is_empty_there(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clouds of a second folder are not those of a time when there was none."""
    second = repository.folder / "shared/stacks"
    (second / "clouds").mkdir(parents=True)
    here = repository.folder / "stacks"
    (here / "clouds/secnum-paris.yaml").rename(second / "clouds/secnum-paris.yaml")
    repository.git("rm", "-q", "--cached", "stacks/clouds/secnum-paris.yaml")
    repository.git("commit", "-q", "-m", "without a cloud")
    repository.commit("the cloud is shared")
    monkeypatch.setattr(content, "search_path", _with(content.search_path, here, second))
    assert refused("exemple@HEAD~1").code == "SOC-1202"
    with opened("exemple@HEAD") as (loaded, _origin):
        assert loaded.cloud.region == "paris-1"


def _with(real: Callable[[], tuple[Path, ...]], *today: Path) -> Callable[[], tuple[Path, ...]]:
    return lambda: real() if content._past.get() else today


def test_nothing_is_left_and_nothing_is_touched(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = repository.folder.parent / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    repository.stack(availability="single")
    before = repository.git("status", "--porcelain")
    with opened("exemple@HEAD") as (loaded, _origin):
        assert scratch in loaded.file.parents
        assert content.search_path()[0].is_relative_to(scratch)
    assert not list(scratch.iterdir())
    assert content.search_path()[0] == Path("stacks")
    assert repository.git("status", "--porcelain") == before


def test_inside_a_hook_of_another_repository_the_folder_decides(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    with opened("exemple@main") as (loaded, _origin):
        assert loaded.name == "exemple"


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("revision", ["nosuch", "--help", "--since=2020", "HEAD~7", "main..HEAD"])
def test_an_unknown_revision_is_named(repository: Repository, revision: str) -> None:
    error = refused(f"exemple@{revision}")
    assert (error.code, error.exit_code) == ("SOC-1502", 2)
    assert revision in error.message


def test_a_shallow_clone_is_said_to_be_one(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    repository.stack(availability="single")
    repository.commit("second")
    shallow = repository.folder.parent / "shallow"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{repository.folder}", str(shallow)], check=True)
    monkeypatch.chdir(shallow)
    assert "--unshallow" in refused("exemple@HEAD~1").hint


def test_a_revision_without_the_file_is_named(repository: Repository) -> None:
    repository.write("neuve.yaml", "organisation: x\n")
    error = refused("neuve@HEAD")
    assert (error.code, error.exit_code) == ("SOC-1503", 2)
    assert "stacks/neuve.yaml" in error.message
    assert "did you mean exemple?" in refused("exempl@HEAD").hint


def test_a_folder_without_a_repository_is_named(stack_file: Callable[..., Path]) -> None:
    file = stack_file()
    error = refused(f"{file}@HEAD")
    assert (error.code, error.exit_code) == ("SOC-1501", 2)
    assert str(file.parent) in error.message


def test_without_git_the_error_says_so(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    error = refused("exemple@HEAD")
    assert error.code == "SOC-1501"
    assert "not installed" in error.message


def test_a_mistake_in_the_revision_is_told_at_its_place_there(repository: Repository) -> None:
    repository.stack(availability="two-zone")
    repository.commit("a mistake")
    repository.stack()
    error = refused("exemple@HEAD")
    assert isinstance(error, StackErrors)
    assert str(error.where).startswith("stacks/exemple.yaml@HEAD:")
    commit = repository.git("rev-parse", "HEAD").strip()
    assert str(refused(f"exemple@{commit}").where).startswith(f"stacks/exemple.yaml@{commit[:8]}:")


# --- the verb ---------------------------------------------------------------------------------------------------------


def test_the_exit_code_tells_a_difference_only_when_asked(repository: Repository) -> None:
    assert asked("exemple@HEAD", "--exit-code").exit_code == 0
    repository.stack(availability="single")
    assert asked("exemple@HEAD").exit_code == 0
    assert asked("exemple@HEAD", "--exit-code", "--markdown").exit_code == 10


def test_it_says_what_is_of_the_revision_and_what_is_todays(repository: Repository) -> None:
    assert "today's" in asked("exemple@HEAD").output
    assert "today's" not in asked("exemple", "exemple").output


@pytest.mark.parametrize("arguments", [("exemple",), ("exemple", "exemple", "--json", "--markdown")])
def test_a_command_line_that_says_too_little_or_too_much_is_refused(
    repository: Repository, arguments: tuple[str, ...]
) -> None:
    assert asked(*arguments).exit_code == 2
