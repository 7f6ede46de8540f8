"""A stack with its topology, its graph and the gate's verdict: what every verb holds before it talks to a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from socle.stack.load import LoadedStack
from socle.topology import Topology, derive


@dataclass(frozen=True)
class Case:
    """`names`: every name the program gives to a resource. `verdict`: the gate's, as the plan file shows it."""

    loaded: LoadedStack
    topology: Topology
    names: tuple[str, ...] = ()
    verdict: Mapping[str, Any] = field(default_factory=dict)


def before_any_call(loaded: LoadedStack) -> Case:
    """Captures the program and asks the gate. Raises GateRefused."""
    from socle.graph.capture import capture

    topology = derive(loaded)
    graph = capture(loaded, topology)
    return Case(loaded, topology, tuple(resource.name for resource in graph), {})


def without_gate(loaded: LoadedStack) -> Case:
    """For what takes resources away: no rule may stand in its way, nor a program that no longer runs."""
    from contextlib import suppress

    from socle.errors import EngineError
    from socle.graph.capture import capture

    topology, names = derive(loaded), tuple[str, ...]()
    with suppress(EngineError):
        names = tuple(resource.name for resource in capture(loaded, topology))
    return Case(loaded, topology, names)
