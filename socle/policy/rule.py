"""A rule: a pure function that judges one subject for one control in one phase, with the mutation that must trip it."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from socle import content
from socle.errors import InputError, Mark, SocleError
from socle.policy.catalogue import catalogue
from socle.policy.model import Model
from socle.policy.outcome import PHASES, Outcome, Phase

Judge = Callable[[Any, Model], Outcome | Iterable[Outcome]]
Targets = Callable[[Model], Iterable[Any]]
Mutation = Callable[[Model], Model]


OWN = "own_policies."  # module names of a ministry's own rules


class RuleFault(SocleError):
    """A rule that cannot be registered or that raised: a fault of the tool, never an outcome."""


@dataclass(frozen=True)
class Rule:
    """`key`: the stack file's key that findings point at, unless an outcome names another."""

    control: str
    phase: Phase
    name: str
    judge: Judge
    targets: Targets
    broken_by: Mutation
    key: tuple[str | int, ...]

    @property
    def id(self) -> str:
        return f"{self.control}.{self.phase}"


_REGISTRY: dict[str, Rule] = {}


def rule(
    control: str,
    *,
    phase: Phase,
    on: str | tuple[str, ...] | Targets,
    broken_by: Mutation,
    key: tuple[str | int, ...] = (),
) -> Callable[[Judge], Judge]:
    """Registers a judge. `on`: a resource type of the graph, several, or a function from the model to its subjects."""

    def register(judge: Judge) -> Judge:
        name = getattr(judge, "__name__", "rule")
        one = Rule(control, phase, name, judge, _targets(on), broken_by, key)
        known = _REGISTRY.get(one.id)
        if known is not None and known.judge.__module__ + known.name != judge.__module__ + name:
            raise RuleFault(
                "SOC-3003",
                "two rules judge {control} in phase {phase}: {names}",
                control=control,
                phase=phase,
                names=f"{known.name}, {name}",
            )
        _REGISTRY[one.id] = one
        return judge

    return register


def _targets(on: str | tuple[str, ...] | Targets) -> Targets:
    if callable(on):
        return on
    types = (on,) if isinstance(on, str) else on
    return lambda model: model.plan.of(*types)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, ours and a ministry's own, in the order of the catalogue. Refuses an id or a phase it lacks."""
    content.root()
    package = importlib.import_module("policies.rules")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"policies.rules.{module.name}")
    if own := content.own_policies():
        for file in sorted((own / "rules").glob("*.py")):
            _run_own(file)
    controls = catalogue().controls
    for one in _REGISTRY.values():
        if one.control not in controls:
            raise RuleFault(
                "SOC-3003",
                "{rule} judges a control that the catalogue lacks: {control}",
                rule=one.name,
                control=one.control,
            )
        if one.phase not in controls[one.control].phases:
            raise RuleFault(
                "SOC-3003",
                "the catalogue does not judge {control} in phase: {phase}",
                control=one.control,
                phase=one.phase,
            )
    order = list(controls)
    return tuple(sorted(_REGISTRY.values(), key=lambda r: (order.index(r.control), PHASES.index(r.phase))))


def _run_own(file: Path) -> None:
    """Raises InputError where it cannot be run: the mistake is its author's."""
    spec = importlib.util.spec_from_file_location(f"{OWN}{file.stem}", file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except SocleError:
        raise
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        lines = [frame.lineno for frame in frames if frame.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) else [1, *lines][-1]
        raise InputError(
            "SOC-3006",
            "rules that cannot be run: {reason}",
            where=Mark(content.label(file), line or 1),
            reason=f"{type(error).__name__}: {error}",
        ) from error


def own() -> tuple[Rule, ...]:
    return tuple(one for one in rules() if one.judge.__module__.startswith(OWN))
