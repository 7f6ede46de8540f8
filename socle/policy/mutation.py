"""Ways to spoil a good model, so that a rule is seen to fail. A mutation that changes nothing raises LookupError."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from socle.graph import Graph, Resource
from socle.policy.model import Model

Mutation = Callable[[Model], Model]


def on_stack(path: str, value: Any) -> Mutation:
    """Writes another value in the stack file: `access.sources`, `data.media`."""
    return lambda model: replace(model, loaded=replace(model.loaded, stack=_set(model.loaded.stack, path, value)))


def on_cloud(path: str, value: Any) -> Mutation:
    return lambda model: replace(model, loaded=replace(model.loaded, cloud=_set(model.loaded.cloud, path, value)))


def on_release(path: str, value: Any) -> Mutation:
    return lambda model: replace(model, loaded=replace(model.loaded, release=_set(model.loaded.release, path, value)))


def _set(section: Any, path: str, value: Any) -> Any:
    name, _, rest = path.partition(".")
    if isinstance(section, dict):
        return {**section, name: _set(section[name], rest, value) if rest else value}
    assert isinstance(section, BaseModel)
    inner = _set(getattr(section, name), rest, value) if rest else value
    return section.model_copy(update={name: inner})


def together(*mutations: Mutation) -> Mutation:
    def apply(model: Model) -> Model:
        for mutation in mutations:
            model = mutation(model)
        return model

    return apply


def on_resource(
    kind: str, change: Callable[[Resource, Model], Resource | None], *, tier: str | None = None
) -> Mutation:
    """Changes the first resource of a type (of a tier); None removes it."""

    def apply(model: Model) -> Model:
        found = next(r for r in model.plan.of(kind) if tier is None or model.tier_of(r) == tier)
        changed = change(found, model)
        kept = [changed if r is found else r for r in model.plan]
        return replace(model, graph=Graph(tuple(r for r in kept if r is not None)))

    return _checked(apply, f"no {kind} to change")


def inputs(**values: Any) -> Callable[[Resource, Model], Resource]:
    """A change: other inputs."""
    return lambda resource, _model: replace(resource, inputs={**resource.inputs, **values})


def removed(_resource: Resource, _model: Model) -> None:
    """A change: the resource is forgotten."""
    return


def with_resource(make: Callable[[Model], Resource]) -> Mutation:
    return lambda model: replace(model, graph=Graph((*model.plan, make(model))))


def in_file(tier: str, ending: str, old: str, new: str) -> Mutation:
    """Replaces the first match of a pattern (multi-line) in a rendered file."""

    def apply(model: Model) -> Model:
        file = model.file(tier, ending)
        text, count = re.subn(old, lambda _match: new, file.text or "", count=1, flags=re.M | re.S)
        if not count:
            raise LookupError(f"nothing to spoil in {file.name}: {old}")
        return replace(model, files={**(model.files or {}), (tier, file.path): text})

    return apply


def added_to_file(tier: str, ending: str, text: str) -> Mutation:
    def apply(model: Model) -> Model:
        file = model.file(tier, ending)
        if file.text is None:
            raise LookupError(f"no such file: {file.name}")
        return replace(model, files={**(model.files or {}), (tier, file.path): f"{file.text}\n{text}\n"})

    return apply


def in_facts(change: Callable[[dict[str, Any]], None], *, tier: str | None = None) -> Mutation:
    """Edits what the first node (of a tier) says of itself, in place of a copy."""

    def apply(model: Model) -> Model:
        node = next(n for n in model.topology.nodes if tier is None or n.tier == tier)
        data = copy.deepcopy(dict((model.facts or {})[node.name]))
        change(data)
        return replace(model, facts={**(model.facts or {}), node.name: data})

    return _checked(apply, f"no node of {tier}")


def in_probes(change: Callable[[dict[str, Any]], None]) -> Mutation:
    def apply(model: Model) -> Model:
        data = copy.deepcopy(dict(model.probes or {}))
        change(data)
        return replace(model, probes=data)

    return apply


def in_live(change: Callable[[dict[str, Any]], None]) -> Mutation:
    def apply(model: Model) -> Model:
        data = copy.deepcopy(dict(model.live or {}))
        change(data)
        return replace(model, live=data)

    return apply


def _checked(mutation: Mutation, message: str) -> Mutation:
    def apply(model: Model) -> Model:
        try:
            return mutation(model)
        except StopIteration:
            raise LookupError(message) from None

    return apply
