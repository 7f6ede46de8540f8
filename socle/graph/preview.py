"""The graph as the engine previews it, so that what judges a capture judges a preview alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from socle.graph import values
from socle.graph.model import Graph, Resource

ROOT_TYPE = "pulumi:pulumi:Stack"
GONE = {"delete", "delete-replaced", "discard", "discard-replaced", "remove-pending-replace", "read", "read-discard"}


class State(Protocol):
    """A resource as one side of a step. `parent`: its parent's URN."""

    inputs: Mapping[str, Any]
    parent: str
    protect: bool | None


class Step(Protocol):
    """What the engine's `resource_pre_event` carries as `metadata`: `pulumi.automation.events.StepEventMetadata`."""

    op: Any
    urn: str
    type: str

    @property
    def old(self) -> Any: ...

    @property
    def new(self) -> Any: ...


def previewed(steps: Iterable[Step]) -> Graph:
    """What there will be. A preview has no source positions, and shows no reference but a value or `UNKNOWN`."""
    found: dict[str, Resource] = {}
    for step in steps:
        state: State | None = step.new
        if state is None or step.type == ROOT_TYPE or str(getattr(step.op, "value", step.op)) in GONE:
            continue
        parent = state.parent or ""
        found[step.urn] = Resource(
            type=step.type,
            name=step.urn.rpartition("::")[2],
            parent="" if f"::{ROOT_TYPE}::" in parent else parent.rpartition("::")[2],
            inputs=values.inputs(state.inputs or {}),
            protect=bool(state.protect),
        )
    return Graph(tuple(sorted(found.values(), key=lambda one: one.name)))
