"""A stack as the verbs hold it before they talk to a cloud."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from socle.stack.load import LoadedStack
from socle.topology import Topology


@dataclass(frozen=True)
class Case:
    """`names`: every name the program gives to a resource. `verdict`: the gate's, as the plan file shows it."""

    loaded: LoadedStack
    topology: Topology
    names: tuple[str, ...] = ()
    verdict: Mapping[str, Any] = field(default_factory=dict)
