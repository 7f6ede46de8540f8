"""Whatever a file holds, it is taken, or refused with a place in it: never a traceback, and never for long."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import event, given, settings

from socle import assess
from socle.codes import CODES
from socle.errors import UNSEEN, InputError, StackErrors
from socle.policy.statement import load_statements
from socle.policy.waiver import load_waivers
from socle.report import gitlab, junit, sarif, terminal
from socle.stack import load_stack
from socle.stack.load import LoadedStack, known_stacks
from socle.topology import Topology, derive
from tests.conftest import STACKS
from tests.generated import KINDS, Case, cases, good_text, place

PATIENCE = 5.0  # seconds of CPU for one file of at most 256 KiB, on a slow machine
MANY = 40  # nodes; larger stacks only take longer to judge
BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # what YAML 1.1 counts as the end of a line
LAB = "/var/lib/socle/lab/access"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A ministry's own folder of stacks, which hides every shipped file of the same name."""
    base = tmp_path_factory.mktemp("generated") / "stacks"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOCLE_STACKS", str(base))
        for room in ("clouds", "releases", "waivers", "statements"):
            (base / room).mkdir(parents=True)
        for stack in STACKS:
            for kind in KINDS:
                (base / place(kind, stack)).write_bytes(at_home(good_text(kind, stack).encode(), base))
        yield base


def at_home(raw: bytes, folder: Path) -> bytes:
    """What is in the lab's folder is this machine's: the overlay and the rest are looked for in the test's."""
    return raw.replace(f"{LAB}/images.yaml".encode(), bytes(folder / "overlay.yaml")).replace(
        LAB.encode(), bytes(folder)
    )


@contextmanager
def laid_out(folder: Path, case: Case) -> Iterator[Path]:
    """The stack's file, beside good ones and the one of the case."""
    file = folder / place(case.kind, case.stack)
    good = file.read_bytes()
    file.write_bytes(at_home(case.raw, folder))
    try:
        yield folder / f"{case.stack}.yaml"
    finally:
        file.write_bytes(good)


def is_placed(error: InputError) -> None:
    """Each mistake names a code that is explained, and a line and a column that its file has."""
    assert isinstance(error, InputError), repr(error)
    for one in error.errors if isinstance(error, StackErrors) else [error]:
        assert one.code in CODES
        assert one.where is not None, one.lines()
        raw = Path(one.where.file).read_bytes()
        lines = BREAK.split(raw.decode("utf-8", "replace"))
        assert 1 <= one.where.line <= len(lines), one.lines()
        assert 1 <= one.where.column <= len(lines[one.where.line - 1]) + 1, one.lines()
        assert one.lines()[0].startswith(f"{one.where}: {one.code}: ")
    for line in error.lines():
        assert not UNSEEN.search(line) and not BREAK.search(line) and len(line) < 2000, line


def taken(case: Case, folder: Path) -> tuple[LoadedStack, Topology] | None:
    started = time.process_time()
    with laid_out(folder, case) as file:
        try:
            loaded = load_stack(str(file))
            topology = derive(loaded)
            load_waivers(loaded.name, known_stacks())
            load_statements(loaded.name, known_stacks())
        except InputError as error:
            event(error.code)
            is_placed(error)
            return None
        finally:
            assert time.process_time() - started < PATIENCE
    event(f"{case.kind} taken")
    return loaded, topology


@given(case=cases())
def test_a_file_is_taken_or_refused_at_a_place(folder: Path, case: Case) -> None:
    taken(case, folder)


@settings(max_examples=settings.default.max_examples // 10)
@given(case=cases(("stack", "cloud", "release"), mild=True))
def test_what_is_taken_is_judged(folder: Path, case: Case) -> None:
    """No rule, template or component stumbles over a value that the models let through; every report can be written."""
    if (found := taken(case, folder)) is None:
        return
    loaded, topology = found
    if len(topology.nodes) > MANY:
        return
    with laid_out(folder, case):
        try:
            result = assess.assess(assess.intended(loaded, topology), assess.BEFORE_APPLY)
        except InputError as error:
            is_placed(error)
            return
    known = {str(loaded.file), str(folder / place("statements", case.stack))}
    for finding in result.findings:
        assert finding.where is not None and finding.where.file in known
    for line in terminal.lines(result):
        assert not UNSEEN.search(line) and not BREAK.search(line), line
    ElementTree.fromstring(junit.text(result))
    json.loads(sarif.text(result))
    json.loads(gitlab.text(result))
    event("judged")


@settings(max_examples=settings.default.max_examples // 3)
@given(case=cases(("stack", "cloud")))
def test_a_neighbour_stands_in_nobody_s_way(folder: Path, case: Case) -> None:
    """A mistake in one file does not stop the check of another."""
    other = next(name for name in STACKS if place("cloud", name) != place("cloud", case.stack))
    loaded = load_stack(str(folder / f"{other}.yaml"))
    with laid_out(folder, case):
        names = {one.name for one in assess.neighbours(loaded)}
    assert set(STACKS) - {case.stack, other} - beside(case) <= names


def beside(case: Case) -> set[str]:
    """The stacks that need the file of the case."""
    return {name for name in STACKS if place(case.kind, name) == place(case.kind, case.stack)}
