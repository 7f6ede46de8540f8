"""Subjects of rules: functions from the model to what a rule is asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from socle.policy.model import Facts, File, Model
from socle.topology.model import Tier
from socle.topology.tiers import role_of


@dataclass(frozen=True)
class Whole:
    """The stack as one subject."""

    name: str


def stack(model: Model) -> Iterable[Whole]:
    return (Whole(model.topology.stack),)


def tiers(model: Model) -> Iterable[Tier]:
    return model.topology.tiers


def nodes(model: Model) -> Iterable[Facts]:
    return model.nodes()


def nodes_of(tier: str) -> Callable[[Model], Iterable[Facts]]:
    return lambda model: (facts for facts in model.nodes() if facts.tier == tier)


def file(tier: str, ending: str) -> Callable[[Model], Iterable[File]]:
    """One file of a tier. Absent from what is rendered, it is still a subject: its text is None."""
    return lambda model: (model.file(tier, ending),)


def file_of_every_tier(ending: str) -> Callable[[Model], Iterable[File]]:
    return lambda model: (model.file(tier.name, ending) for tier in model.topology.tiers)


def files(*places: tuple[str, str]) -> Callable[[Model], Iterable[File]]:
    """One file each of several tiers, of those that are there."""
    return lambda model: (model.file(tier, ending) for tier, ending in places if model.tier(tier) is not None)


def files_of_role(role: str, ending: str) -> Callable[[Model], Iterable[File]]:
    """One file of every tier that has a role, as `file`."""
    return lambda model: (model.file(one.name, ending) for one in model.topology.tiers if role_of(one.name) == role)


def containers(model: Model) -> Iterable[File]:
    """Every Quadlet unit."""
    return (file for tier in model.topology.tiers for file in model.files_of(tier.name, ".container"))


def is_sensitive(model: Model) -> bool:
    return model.loaded.stack.data.sensitive
