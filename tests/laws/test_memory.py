"""What is remembered is never stale: whatever a verdict depends on is changed in a copy of everything, one thing after
the other, and the verdict is made anew each time; what it does not depend on is changed, and nothing is redone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml

from socle import assess, check_cache, content, fingerprint
from socle.check_cache import Memory
from socle.graph import capture
from socle.policy.finding import Assessment
from socle.stack import load_stack
from tests.conftest import GOOD, ROOT

STACK = "exemple"
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "cli", "host", "livekit", "provider")


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tool and its content. Never changed: each test has its files as hard links, and replaces what it changes."""
    copied = tmp_path_factory.mktemp("shipped")
    for room in (*content.ROOMS, "socle"):
        shutil.copytree(ROOT / room, copied / room, ignore=IGNORED, symlinks=True)
    return copied


@pytest.fixture
def tree(tmp_path: Path, shipped: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tool and its content, with a stack folder of the user's own beside it; what is hashed is the copy,
    what runs is the code of this process, which is the same."""
    copied = shutil.copytree(shipped, tmp_path / "copy", copy_function=os.link, symlinks=True)
    own = tmp_path / "own"
    for room in ("clouds", "releases", "waivers"):
        shutil.copytree(ROOT / "stacks" / room, own / room)
    outside = tmp_path / "outside"
    outside.mkdir()
    cloud = own / "clouds" / "secnum-paris.yaml"
    certificate, overlay = outside / "authority.pem", outside / "overlay.yaml"
    certificate.write_text("first\n")
    overlay.write_text("images: {}\n")
    cloud.write_text(f"{cloud.read_text()}\nca_certificate: {certificate}\nrelease_overlay: {overlay}\n")
    small = {**GOOD, "people": {"seats": 200, "peak_in_call": 0.05, "largest_room": 50}, "availability": "single"}
    (own / f"{STACK}.yaml").write_text(yaml.safe_dump(small, allow_unicode=True))
    (own / "other.yaml").write_text(yaml.safe_dump({**small, "network": {"cidr": "10.120.0.0/19"}}, allow_unicode=True))
    (own / "linked").mkdir()
    monkeypatch.setenv("SOCLE_STACKS", str(own))
    monkeypatch.setattr(content, "root", lambda: copied)
    monkeypatch.setattr(check_cache, "__file__", str(copied / "socle" / "check_cache.py"))
    monkeypatch.setattr(capture, "__file__", str(copied / "socle" / "graph" / "capture.py"))
    monkeypatch.setattr(check_cache, "STARTED", check_cache.STARTED + 1e6)  # the copy is new, what runs is not
    return tmp_path


@cache
def some_answer() -> Assessment:
    return assess.check("demo")


class Judge:
    """Counts how often a stack is judged; what is answered does not matter here, and is made once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        made = some_answer()

        def judge(_loaded: object, *, strict: bool = False) -> object:
            self.count += 1
            return made

        monkeypatch.setattr(assess, "check_loaded", judge)

    def asked(self, argument: str = STACK, *, strict: bool = False) -> bool:
        """Whether the stack was judged, and not remembered."""
        before = self.count
        Memory(strict=strict).conclusion(argument)
        return self.count > before


@pytest.fixture
def judge(tree: Path, monkeypatch: pytest.MonkeyPatch) -> Judge:
    return Judge(monkeypatch)


def appended(text: str = "\n# changed\n") -> Callable[[Path], None]:
    def change(file: Path) -> None:
        before = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        file.write_text(f"{before}{text}")

    return change


def folder(path: Path) -> None:
    path.mkdir()


def gone(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def new(path: Path) -> None:
    path.write_text("# new\n")


def linked(path: Path) -> None:
    """A folder of waivers that stands elsewhere."""
    elsewhere = path.parent.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "more.yaml").write_text("waivers: []\n")
    path.symlink_to(elsewhere)


INPUTS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "the stack file": (f"own/{STACK}.yaml", appended()),
    "another stack file": ("own/other.yaml", appended()),
    "a new stack file": ("own/third.yaml", new),
    "the cloud file": ("own/clouds/secnum-paris.yaml", appended()),
    "the release": ("own/releases/2026.11.yaml", appended()),
    "a waiver": ("own/waivers/own.yaml", new),
    "waivers in a linked folder": ("own/more", linked),
    "the overlay of the release": ("outside/overlay.yaml", appended()),
    "the overlay, taken away": ("outside/overlay.yaml", gone),
    "the cloud's certificate": ("outside/authority.pem", appended()),
    "a stack that is shipped": ("copy/stacks/demo.yaml", appended()),
    "the controls": ("copy/policies/controls.yaml", appended()),
    "a list of identifiers": ("copy/policies/catalogues", lambda path: appended()(sorted(path.iterdir())[0])),
    "a rule": ("copy/policies/rules/network.py", appended()),
    "a new rule": ("copy/policies/rules/more.py", new),
    "the program": ("copy/infra/program.py", appended()),
    "a component": ("copy/infra/components/tier.py", appended()),
    "a template": ("copy/playbooks/roles/base/templates/nftables.conf.j2", appended()),
    "a list of a role": ("copy/playbooks/roles/base/vars/main/packages.yml", appended()),
    "a file of a role, of any kind": ("copy/playbooks/roles/base/files.bin", new),
    "a role folder that comes": ("copy/playbooks/roles/objects", folder),
    "a role folder that goes": ("copy/playbooks/roles/turn", gone),
    "the rendering": ("copy/playbooks/plugins/rendering.py", appended()),
    "the model of stacks": ("copy/socle/stack/model.py", appended()),
    "the sizing model": ("copy/socle/topology/sizing/figures.py", appended()),
    "the flow matrix": ("copy/socle/topology/matrix.py", appended()),
    "the recorder": ("copy/socle/graph/recorder.py", appended()),
    "the evaluator": ("copy/socle/policy/evaluate.py", appended()),
    "the gate": ("copy/socle/policy/gate.py", appended()),
    "what roles are told": ("copy/socle/nodes/variables.py", appended()),
    "a module on its own": ("copy/socle/values.py", appended()),
}


@pytest.mark.parametrize("name", INPUTS)
def test_a_changed_input_is_judged_again(name: str, tree: Path, judge: Judge) -> None:
    assert judge.asked() and not judge.asked()
    place, change = INPUTS[name]
    change(tree / place)
    assert judge.asked(), f"a verdict from before {name} changed was believed"
    assert not judge.asked()


def test_every_file_of_the_content_counts(tree: Path) -> None:
    """Not only the examples above: each file that is shipped, but those of rooms that have no part in a verdict."""
    counted = {path for path in check_cache._code() if path.is_file()}
    apart = ("copy/socle/engine", "copy/socle/lab", "copy/socle/locale", "copy/infra/engine")
    shipped = {p for room in ("socle", "infra", "policies", "playbooks") for p in (tree / "copy" / room).rglob("*")}
    wanted = {p for p in shipped if p.is_file() and not str(p.relative_to(tree)).startswith(apart)}
    assert counted == {p for p in wanted if not fingerprint.BUILT & set(p.parts)}


def test_what_is_in_the_environment_counts(tree: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge.asked() and not judge.asked()
    assert judge.asked(strict=True) and not judge.asked(strict=True)

    class Tomorrow(check_cache.date):
        @classmethod
        def today(cls) -> Tomorrow:
            return cls(2031, 1, 1)

    with monkeypatch.context() as patch:
        patch.setattr(check_cache, "date", Tomorrow)
        assert judge.asked()
    with monkeypatch.context() as patch:
        patch.chdir(tree)
        assert judge.asked()
    with monkeypatch.context() as patch:
        patch.setenv("SOCLE_STACKS", str(shutil.copytree(tree / "own", tree / "elsewhere")))
        assert judge.asked()
    packages = tree / "packages"
    (packages / "pulumi-3.0.0.dist-info").mkdir(parents=True)
    with monkeypatch.context() as patch:
        patch.setattr(check_cache.sysconfig, "get_paths", lambda: {"purelib": str(packages), "platlib": str(packages)})
        assert judge.asked() and not judge.asked()
        (packages / "pulumi-3.0.0.dist-info").rename(packages / "pulumi-3.0.1.dist-info")
        assert judge.asked()
    assert not judge.asked()


def test_a_stack_named_by_its_path_has_the_neighbours_of_its_folder(tree: Path, judge: Judge) -> None:
    far = tree / "far"
    far.mkdir()
    shutil.copy(tree / "own" / f"{STACK}.yaml", far)
    assert judge.asked(str(far / f"{STACK}.yaml")) and not judge.asked(str(far / f"{STACK}.yaml"))
    shutil.copy(tree / "own" / "other.yaml", far / "twin.yaml")
    assert judge.asked(str(far / f"{STACK}.yaml"))


def test_what_moves_while_it_is_judged_is_not_kept(tree: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch) -> None:
    given = assess.check_loaded
    file = tree / "own" / f"{STACK}.yaml"
    before = file.read_text()

    def meanwhile(loaded: object, *, strict: bool = False) -> object:
        file.write_text(f"{before}# saved in an editor\n")
        return given(loaded, strict=strict)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(assess, "check_loaded", meanwhile)
        Memory(strict=False).conclusion(STACK)
    file.write_text(before)
    assert judge.asked(), "the verdict on another text was kept under this one"


def test_code_saved_as_the_process_began_is_not_vouched_for(
    tree: Path, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python read its modules before anything was hashed."""
    monkeypatch.setattr(check_cache, "STARTED", (tree / "copy/socle/policy/gate.py").stat().st_mtime)
    os.utime(tree / "copy/socle/policy/gate.py")
    assert judge.asked() and judge.asked()


def test_what_has_no_part_in_a_verdict_changes_nothing(tree: Path, judge: Judge) -> None:
    assert judge.asked()
    for place in ("copy/socle/lab/up.py", "copy/socle/locale/fr/terminal.po", "own/notes.txt"):
        appended()(tree / place)
    (tree / "copy/socle/__pycache__").mkdir()
    assert not judge.asked()


def test_findings_are_in_no_language(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one asked in French would be answered in English."""
    english = assess.check("demo")
    monkeypatch.setenv("SOCLE_LANG", "fr")
    assert assess.check("demo") == english


@pytest.mark.parametrize(
    "place",
    ["infra/components/security.py", "infra/program.py", "socle/topology/sizing/model.py", "socle/stack/cloud.py",
     "socle/graph/at_once.py", "socle/errors.py"],
)  # fmt: skip
def test_the_captured_graph_follows_its_program_too(place: str, tree: Path) -> None:
    loaded = load_stack(STACK)
    before = capture.digest(loaded)
    assert capture.digest(loaded) == before
    appended()(tree / "copy" / place)
    assert capture.digest(loaded) != before


def test_a_program_that_moves_while_it_runs_is_not_kept(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from socle.paths import cache_dir
    from socle.topology import derive

    loaded = load_stack(STACK)
    record = capture._recorded

    def meanwhile(*arguments: object) -> object:
        appended()(tree / "copy/infra/program.py")
        return record(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(capture, "_recorded", meanwhile)
    assert len(capture.capture(loaded, derive(loaded))) > 0
    assert not list((cache_dir() / "graph").glob("*.json"))
