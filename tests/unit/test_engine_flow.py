"""`up` goes on by itself where the cloud turned instances away for having met on one host, once and unasked."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from socle.engine import deploy, flow, stillborn
from socle.errors import CloudError

NODES = [SimpleNamespace(name="demo-media-1"), SimpleNamespace(name="demo-media-2")]
CASE: Any = SimpleNamespace(topology=SimpleNamespace(tiers=[SimpleNamespace(nodes=NODES)]))


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The plans that were applied. Those named "fails" do."""
    plans: list[str] = []

    def apply(_stack: object, engine_plan: str, *_rest: object) -> None:
        plans.append(engine_plan)
        if engine_plan == "fails":
            raise CloudError("SOC-4106", "stopped")

    monkeypatch.setattr(deploy, "apply", apply)
    monkeypatch.setattr(stillborn, "explained", lambda error, *_rest: error)
    monkeypatch.setattr(flow, "recovered", lambda _ready: {})
    return plans


def plan(engine_plan: str, *replace: str) -> Any:
    return SimpleNamespace(engine_plan=engine_plan, replace=replace)


@pytest.mark.parametrize(
    ("met", "first", "again", "expected"),
    [
        (["demo-media-2"], plan("fails"), plan("works"), ["fails", "works"]),
        (["demo-media-2"], plan("fails"), plan("fails"), ["fails", "fails"]),
        ([], plan("fails"), plan("works"), ["fails"]),
        (["demo-media-2"], plan("fails", "demo-media-1"), plan("works"), ["fails"]),
        (["demo-media-2"], plan("works"), plan("fails"), ["works"]),
    ],
    ids=["met once", "met twice", "another reason", "a node was named", "nothing failed"],
)
def test_what_met_on_one_host_is_made_anew_once(
    monkeypatch: pytest.MonkeyPatch, applied: list[str], met: list[str], first: Any, again: Any, expected: list[str]
) -> None:
    monkeypatch.setattr(stillborn, "met", lambda *_: met)
    monkeypatch.setattr(flow, "planned", lambda *_: (again, None))
    ready: Any = SimpleNamespace(
        case=CASE, cloud=None, stack=None, loaded=SimpleNamespace(stack=SimpleNamespace(cloud="lab"))
    )
    if expected[-1] == "fails":
        with pytest.raises(CloudError, match="stopped"):
            flow.apply(ready, {}, first)
    else:
        flow.apply(ready, {}, first)
    assert applied == expected
