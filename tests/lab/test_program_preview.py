"""What `check` judges is what the engine would do: capture and preview show the same resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from socle.graph import SECRET, UNKNOWN, Graph, Ref
from socle.graph.capture import PLACEHOLDER_KEY, capture
from socle.graph.model import INSTANCE, PROVIDER, VOLUME
from socle.graph.preview import previewed
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.conftest import write_bare_cloud, write_stack

pytestmark = pytest.mark.lab

# What the provider adds by itself when the engine asks it to check the inputs.
ADDED = {PROVIDER: {"version"}, INSTANCE: {"power_state"}, VOLUME: {"volume_retype_policy"}}


EVERYTHING: dict[str, object] = {
    "availability": "two-zones",
    "features": dict.fromkeys(("recording", "transcription", "subtitles", "telephony"), True),
    "telephony": {"trunk": ["192.0.2.64/28"]},
    "identity": {"provider": "oidc", "issuer": "https://identity.socle.test/realms/people"},  # nobody asks it here
    "overrides": {},
}


@pytest.fixture(scope="module", params=["demo's", "every tier", "every tier, fewer services"])
def graphs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Graph, Graph]:
    """Captured, previewed: of a stack that was never applied, so that nothing is known but what the program says."""
    from pulumi.automation import ConfigValue

    from socle.engine import workspace

    folder: Path = tmp_path_factory.mktemp("preview")
    if "fewer" in request.param:
        write_bare_cloud(folder)
    write_stack(folder, "preview", "10.98.0.0/19", **({} if request.param == "demo's" else EVERYTHING))
    steps: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOCLE_STATE", str(folder / "state"))
        patch.setenv("SOCLE_STACKS", str(folder / "stacks"))
        loaded = load_stack(str(folder / "stacks" / "preview.yaml"))
        stack = workspace.open_stack(loaded)
        stack.set_config("socle:sshPublicKey", ConfigValue(PLACEHOLDER_KEY))
        stack.preview(on_event=lambda event: steps.append(event.resource_pre_event), color="never")
    found = previewed(one.metadata for one in steps if one)
    return capture(loaded, derive(loaded)), found


def test_the_same_resources(graphs: tuple[Graph, Graph]) -> None:
    captured, seen = graphs
    assert [(r.name, r.type, r.parent, r.protect) for r in captured] == [
        (r.name, r.type, r.parent, r.protect) for r in seen
    ]


def test_the_same_inputs(graphs: tuple[Graph, Graph]) -> None:
    captured, seen = graphs
    for resource in captured:
        other = seen.named(resource.name)
        assert other is not None
        theirs = {k: v for k, v in other.inputs.items() if k not in ADDED.get(resource.type, ())}
        assert alike(dict(resource.inputs), theirs), f"{resource.name}\n{resource.inputs}\n{theirs}"


def alike(ours: Any, theirs: Any) -> bool:
    """A reference here is unknown there, or a value where the cloud was asked; all else is equal."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(alike(ours[key], theirs[key]) for key in ours)
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(alike(a, b) for a, b in zip(ours, theirs, strict=True))
    if isinstance(ours, Ref):
        return theirs is UNKNOWN
    return ours is UNKNOWN or ours is SECRET or bool(ours == theirs)
