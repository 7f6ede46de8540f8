"""Containers of the object store: STO-04, STO-05.

Where the cloud has no such store there is nothing to look at: the stack keeps its objects on nodes of its own, which
other rules judge, or keeps none, or has left out the nodes it would need; the last is said as unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from policies import targets
from socle.graph import UNKNOWN, Resource
from socle.graph.model import CONTAINER
from socle.policy.model import Model
from socle.policy.mutation import Mutation, with_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule

Subject = Resource | targets.Whole
KEPT_BY = ("recording", "transcription", "application", "database")  # tiers that write objects
EXPIRY = "retention-days"


def _containers(model: Model) -> Iterable[Subject]:
    return model.plan.of(CONTAINER) or targets.stack(model)


def _on_containers(judge: Callable[[Resource, Model], Outcome]) -> Callable[[Subject, Model], Outcome]:
    """A judge of containers, and what it says of a stack that has none."""

    @wraps(judge)
    def judged_(subject: Subject, model: Model) -> Outcome:
        return judge(subject, model) if isinstance(subject, Resource) else _without(model)

    return judged_


def _without(model: Model) -> Outcome:
    if model.topology.has("objects"):
        return not_applicable("objects are kept on the stack's own nodes, in no container of the cloud")
    if not any(model.topology.has(tier) for tier in KEPT_BY):
        return not_applicable("no tier of this stack keeps objects")
    if model.loaded.cloud.offers("object-store"):
        return failed("no container is made", "a container for each kind of object")
    return unknown(
        "not evaluable: the cloud has no object store, and the stack has left out nodes for one",
        settled_in="process",
        expected="a place for objects that can be looked at",
    )


def _added(**values: Any) -> Mutation:
    def make(model: Model) -> Resource:
        name = f"{model.topology.stack}-recordings-added"
        return Resource(CONTAINER, name, inputs={"name": name, "metadata": {"holds": "recordings"}, **values})

    return with_resource(make)


@rule("STO-04", phase="plan", on=_containers, key=("cloud",), broken_by=_added(container_read=".r:*,.rlistings"))
@_on_containers
def containers_are_private(container: Resource, _model: Model) -> Outcome:
    """Swift lets the project alone in where a container carries no list of its own."""
    wanted = "no access list: the project's own users alone"
    lists = {key: container.get(key) for key in ("container_read", "container_write")}
    given = [f"{key} {value}" for key, value in lists.items() if value not in (None, "")]
    if any(value is UNKNOWN for value in lists.values()):
        return unknown("an access list that is known after apply", settled_in="runtime", expected=wanted)
    return judged(not given, given or "no access list", wanted)


@rule("STO-05", phase="plan", on=_containers, key=("retention",), broken_by=_added())
@_on_containers
def containers_say_for_how_long(container: Resource, model: Model) -> Outcome:
    """What writes an object has it expire; for how many days is written on the container."""
    metadata = container.get("metadata") or {}
    holds, said = metadata.get("holds"), metadata.get(EXPIRY)
    days = _declared(model).get(str(holds))
    if days is None:
        return failed(f"holds {holds or 'nothing that is said'}", "a kind of data with a declared retention")
    return judged(said == str(days), f"{said} days" if said else "no expiry is declared", f"{days} days")


def _declared(model: Model) -> dict[str, int]:
    """Days by what a container holds, as the stack file has them. Files of a room live as long as its recordings."""
    retention = model.loaded.stack.retention
    return {
        "recordings": retention.recordings,
        "transcripts": retention.transcripts,
        "files": retention.recordings,
        "backups": model.loaded.stack.backup.keep_days,
    }
