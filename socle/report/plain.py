"""What `socle check --json` prints, and the JSON Schema of it: of one stack its answer, of several a list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from socle.errors import SocleError
from socle.policy.finding import Assessment, Finding, Standing


@dataclass(frozen=True, kw_only=True)
class Record(Finding):
    """A finding with the run that it is of: tool, day, digest of the evidence."""

    stack: str
    tool: str
    day: str
    digest: str


@dataclass(frozen=True)
class Answer:
    """`controls`: the standing of each, as a whole and by phase. `rules_run`: how many rules were evaluated."""

    stack: str
    go: bool
    tool: str
    day: str
    digest: str
    phases: tuple[str, ...]
    rules_run: int
    controls: Mapping[str, Mapping[str, Standing]]
    findings: tuple[Record, ...]


@dataclass(frozen=True)
class Failure:
    """A stack that could not be judged: the error's code and lines."""

    stack: str
    go: bool
    error: str
    lines: list[str]


def records(result: Assessment) -> tuple[Record, ...]:
    run: dict[str, Any] = {"stack": result.stack, "tool": result.tool, "day": result.day, "digest": result.digest}
    return tuple(Record(**vars(finding), **run) for finding in result.findings)


def answer(result: Assessment) -> dict[str, Any]:
    controls = {one.control: {"standing": one.standing, **one.phases} for one in result.judgements}
    return asdict(
        Answer(
            result.stack,
            result.verdict.go,
            result.tool,
            result.day,
            result.digest,
            result.phases,
            result.rules_run,
            controls,
            records(result),
        )
    )


def failure(name: str, error: SocleError) -> dict[str, Any]:
    return asdict(Failure(name, False, error.code, error.lines()))


def schema() -> dict[str, Any]:
    from pydantic import TypeAdapter

    either: TypeAdapter[Any] = TypeAdapter(Answer | list[Answer | Failure])
    return either.json_schema(mode="serialization")
