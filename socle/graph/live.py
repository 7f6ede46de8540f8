"""Two graphs of a deployed stack, from the steps of a refresh: as it was applied, and as the cloud has it now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from socle.graph import values
from socle.graph.model import FLOATING_IP, LOAD_BALANCER, Graph, Ref, Resource
from socle.graph.preview import ROOT_TYPE, Step

Kind = Literal["missing", "changed", "undeclared"]
# What the provider compares a declared list with is the declared list itself; what the cloud has is beside it.
WHOLE = {"security_group_ids": "all_security_group_ids", "metadata": "all_metadata", "tags": "all_tags"}


@dataclass(frozen=True)
class Difference:
    """`name`: the program's, or what the cloud calls a thing that no one declared. `applied`, `live`: the inputs that
    differ; of what is missing all that was applied, of what nobody declared all that the cloud says."""

    kind: Kind
    type: str
    name: str
    applied: Mapping[str, Any] = field(default_factory=dict)
    live: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return self.type.rpartition(":")[2]


@dataclass(frozen=True)
class Seen:
    """`names`: what the cloud calls a resource (its id; an address) -> the program's name of it and which output."""

    applied: Graph
    live: Graph
    differences: tuple[Difference, ...]
    names: Mapping[str, Ref]


def seen(steps: Iterable[Step], undeclared: Iterable[Difference] = ()) -> Seen:
    """`steps`: the last one of each resource; `old` is what the state has, `new` what the cloud answered, or None."""
    chosen = [step for step in steps if step.type != ROOT_TYPE]
    names = identities(chosen)
    applied, live, found = [], [], []
    for step in chosen:
        before, after = _inputs(step.old, names), _inputs(step.new, names)
        assert before is not None
        applied.append(_resource(step, before))
        if after is None:
            found.append(Difference("missing", step.type, _name(step), applied=before))
            continue
        after = _whole(after, step.new.outputs or {}, names)
        live.append(_resource(step, after))
        moved = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        if moved:
            parts = [{key: side.get(key) for key in moved} for side in (before, after)]
            found.append(Difference("changed", step.type, _name(step), *parts))
    more = tuple(undeclared)
    live += [Resource(one.type, one.name, inputs=one.live) for one in more]
    order = sorted([*found, *more], key=lambda one: (one.kind, one.type, one.name))
    return Seen(_graph(applied), _graph(live), tuple(order), names)


def identities(steps: Iterable[Step]) -> dict[str, Ref]:
    found: dict[str, Ref] = {}
    for step in steps:
        if identity := getattr(step.old, "id", None):
            found[str(identity)] = Ref(_name(step))
        if step.type == LOAD_BALANCER and (port := (step.old.outputs or {}).get("vipPortId")):
            found[str(port)] = Ref(_name(step), "vip_port_id")
        if step.type == FLOATING_IP and (address := (step.old.outputs or {}).get("address")):
            # a block of this one address is written by the program from the same output
            found |= dict.fromkeys((str(address), f"{address}/32"), Ref(_name(step), "address"))
    return found


def _graph(resources: list[Resource]) -> Graph:
    return Graph(tuple(sorted(resources, key=lambda one: one.name)))


def _name(step: Step) -> str:
    return step.urn.rpartition("::")[2]


def _resource(step: Step, inputs: Mapping[str, Any]) -> Resource:
    parent = step.old.parent or ""
    return Resource(
        type=step.type,
        name=_name(step),
        parent="" if f"::{ROOT_TYPE}::" in parent else parent.rpartition("::")[2],
        inputs=inputs,
        protect=bool(step.old.protect),
    )


def _inputs(state: Any, names: Mapping[str, Ref]) -> dict[str, Any] | None:
    return None if state is None else referring(values.inputs(state.inputs or {}), names)


def _whole(inputs: dict[str, Any], outputs: Mapping[str, Any], names: Mapping[str, Ref]) -> dict[str, Any]:
    """The inputs with the cloud's whole lists in the place of the declared ones; equal ones keep their order."""
    everything = values.inputs({key: item for key, item in outputs.items() if not key.startswith("__")})
    for key, wide in WHOLE.items():
        if key in inputs and wide in everything:
            cloud = referring(everything[wide], names)
            same = cloud == inputs[key] or (
                isinstance(cloud, list) and sorted(map(repr, cloud)) == sorted(map(repr, inputs[key]))
            )
            if not same:
                inputs[key] = cloud
    return inputs


def referring(value: Any, names: Mapping[str, Ref]) -> Any:
    """Values in which the cloud's identifiers are references to the stack's resources."""
    if isinstance(value, Mapping):
        return {key: referring(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [referring(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value
