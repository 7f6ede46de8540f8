"""The cache of captures, and the JSON form of a graph."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from socle.errors import EngineError, Mark
from socle.graph import SECRET, UNKNOWN, Graph, Ref, Resource, capture, store
from socle.paths import cache_dir
from socle.stack import load_stack
from socle.topology import derive

CODE = """
import sys
from socle.stack import load_stack
from socle.topology import derive
from socle.graph.capture import capture
loaded = load_stack("demo")
print(len(capture(loaded, derive(loaded))), "pulumi" in sys.modules)
"""


def fresh_process() -> list[str]:
    return subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True).stdout.split()


def test_an_unchanged_stack_is_captured_once_and_then_needs_no_pulumi() -> None:
    first, second = fresh_process(), fresh_process()
    assert first[1] == "True"
    assert second == [first[0], "False"]


def test_a_broken_cache_entry_is_made_again() -> None:
    loaded = load_stack("demo")
    topology = derive(loaded)
    graph = capture.capture(loaded, topology)
    (file,) = (cache_dir() / "graph").glob("*.json")
    file.write_text(file.read_text()[:1000])
    assert capture.capture(loaded, topology) == graph
    assert store.loads(file.read_text()) == graph


def test_a_cache_that_cannot_be_written_changes_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    occupied = tmp_path / "a-file"
    occupied.write_text("")
    monkeypatch.setenv("SOCLE_CACHE", str(occupied))
    loaded = load_stack("demo")
    assert len(capture.capture(loaded, derive(loaded))) > 0


def test_the_digest_follows_the_stack_and_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_stack("demo")
    before = capture.digest(loaded)
    assert capture.digest(replace(loaded, digest="0" * 64)) != before
    assert capture.digest(replace(loaded, name="other")) != before
    read = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read(path) + (b"#" if path.name == "tier.py" else b""))
    assert capture.digest(loaded) != before


def test_a_program_that_fails_is_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    import infra.program

    def broken(*_arguments: object) -> None:
        raise KeyError("flavour")

    monkeypatch.setattr(infra.program, "deploy", broken)
    loaded = load_stack("demo")
    with pytest.raises(EngineError, match="KeyError: 'flavour'"):
        capture.capture(loaded, derive(loaded))


def test_every_mark_survives_the_file() -> None:
    inputs = {"a": Ref("other", "address"), "b": [UNKNOWN, {"c": SECRET}], "d": {"e": [1, 2.5, "é", True, None]}}
    graph = Graph((Resource("t", "n", "p", inputs, protect=True, where=Mark("infra/x.py", 3, 4)), Resource("t", "m")))
    assert store.loads(store.dumps(graph)) == graph


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 0, "resources": []}', '{"format": 1, "resources": [{}]}'])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        store.loads(text)
