"""Where the time of an apply goes: shares that add up to the wall clock, whatever overlaps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.apply_speed import NAME, OWN, stack_file
from benchmarks.timeline import BETWEEN, ENDING, STARTING, Span, rows, shares

TIMES = st.integers(0, 40).map(float)
SPANS = st.lists(
    st.builds(lambda kind, a, b: Span(kind, min(a, b), max(a, b)), st.sampled_from(["Port", "Instance"]), TIMES, TIMES)
)


def test_two_at_once_share_the_time() -> None:
    spans = [Span("Network", 2, 4), Span("Port", 4, 8), Span("Instance", 6, 12), Span("Volume", 14, 15)]
    assert shares(spans, 0, 20) == {
        "Instance": 5.0, ENDING: 5.0, "Port": 3.0, "Network": 2.0, STARTING: 2.0, BETWEEN: 2.0, "Volume": 1.0,
    }  # fmt: skip


def test_a_run_without_operations_is_all_start() -> None:
    assert shares([], 3, 7) == {STARTING: 4}


@given(SPANS)
def test_the_shares_are_the_whole(spans: list[Span]) -> None:
    found = shares(spans, -1, 41)
    assert sum(found.values()) == pytest.approx(42)
    assert set(found) <= {STARTING, BETWEEN, ENDING, *(one.kind for one in spans)}


def test_each_kind_is_told_with_its_count_and_longest() -> None:
    spans = [Span("Port", 0, 1), Span("Port", 1, 4), Span("Port", 4, 6)]
    assert list(rows(spans, 0, 6)) == [("Port", "3", "2.0", "3.0", "6.0", "6.0 (100 %)")]


def test_the_measured_stack_is_another_than_the_demonstration(tmp_path: object) -> None:
    from pathlib import Path

    from socle.stack import load_stack

    own = load_stack(str(stack_file(Path(str(tmp_path)) / "stacks")))
    demo = load_stack("demo")
    assert own.name == NAME and own.stack.domain != demo.stack.domain
    assert not own.stack.network.cidr.overlaps(demo.stack.network.cidr) and len(OWN) == 2
