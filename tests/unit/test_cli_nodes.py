"""What is refused before a node is touched: draining, restoring."""

from __future__ import annotations

from pathlib import Path

import pytest

from socle.cli.drain import drain
from socle.cli.restore import restore
from socle.errors import InputError, NodeError
from tests.conftest import ROOT

STACK = str(ROOT / "stacks" / "twozones.yaml")


@pytest.fixture(autouse=True)
def _nothing_deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOCLE_STATE", str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("node", "code"), [("twozones-media-zone-1-2", "SOC-2101"), ("twozones-database-zone-1-1", "SOC-2103")]
)
def test_only_a_node_that_is_waited_for_is_drained(node: str, code: str) -> None:
    with pytest.raises(InputError) as refused:
        drain.callback(STACK, ("twozones-media-zone-1-1", node))  # type: ignore[misc]
    assert refused.value.code == code


@pytest.mark.parametrize("moment", ["yesterday", "2026-01-01T12:00", "2999-01-01T12:00Z"])
def test_a_restore_asks_for_a_moment_that_was(moment: str) -> None:
    with pytest.raises(InputError) as refused:
        restore.callback(STACK, moment, None)  # type: ignore[misc]
    assert refused.value.code == "SOC-1306"


@pytest.mark.parametrize(
    "refuse",
    [
        lambda: drain.callback(STACK, ("twozones-media-zone-1-1",)),  # type: ignore[misc]
        lambda: restore.callback(STACK, "2026-01-01T12:00:00+01:00", "twozones"),  # type: ignore[misc]
    ],
)
def test_of_nothing_that_is_deployed_nothing_is_done(refuse: object) -> None:
    with pytest.raises(NodeError) as refused:
        refuse()  # type: ignore[operator]
    assert refused.value.code == "SOC-8303"
