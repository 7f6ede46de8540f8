"""What a rule answers about one subject: four outcomes, each with what was seen and what was expected."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Literal

Phase = Literal["spec", "plan", "config", "runtime"]
PHASES: tuple[Phase, ...] = ("spec", "plan", "config", "runtime")
Place = Phase | Literal["process"]  # where a finding comes from; "process": what people state
Settler = Literal["plan", "config", "runtime", "process"]  # "process": a person signs a statement

LONGEST = 240  # characters of a value that a report shows

_SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)", re.S),
    re.compile(r"(?i)(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
)
_NAMED_SECRET = re.compile(
    r"(?i)\b((?:[a-z_-]*(?:password|passwd|secret|token|requirepass|api_?key))[\"']?\s*[=:]\s*)(?!\(secret\)|/)\S+"
)

_SIGNS = (":", "=", "-----BEGIN")  # without one of these, no pattern above matches


class Status(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    STATED = "stated"  # no program saw it: somebody says so


@dataclass(frozen=True)
class Outcome:
    """`key`: the stack file's key that causes it, where it is not the rule's own. `settled_in`: of an unknown."""

    status: Status
    seen: str = ""
    expected: str = ""
    settled_in: Settler | None = None
    key: tuple[str | int, ...] | None = None


Key = tuple[str | int, ...] | None


def passed(seen: Any, expected: Any = "", *, key: Key = None) -> Outcome:
    return Outcome(Status.PASSED, shown(seen), shown(expected), key=key)


def failed(seen: Any, expected: Any, *, key: Key = None) -> Outcome:
    return Outcome(Status.FAILED, shown(seen), shown(expected), key=key)


def not_applicable(why: str) -> Outcome:
    return Outcome(Status.NOT_APPLICABLE, shown(why))


def unknown(why: str, *, settled_in: Settler, expected: Any = "", key: Key = None) -> Outcome:
    """Never a pass: says why nothing could be seen, and who settles it."""
    return Outcome(Status.UNKNOWN, shown(why), shown(expected), settled_in, key)


def judged(good: bool, seen: Any, expected: Any, *, key: Key = None) -> Outcome:
    return passed(seen, expected, key=key) if good else failed(seen, expected, key=key)


def shown(value: Any) -> str:
    """A value as reports print it: short, and without anything secret."""
    if isinstance(value, Enum) and not isinstance(value, str):
        text = str(value.value)
    elif isinstance(value, str):
        text = value
    elif isinstance(value, Mapping):
        text = ", ".join(f"{name}: {shown(item)}" for name, item in value.items())
    elif isinstance(value, list | tuple | set | frozenset):  # not any iterable: a network is one, of its addresses
        text = ", ".join(shown(item) for item in value) or "nothing"
    elif isinstance(value, bool):
        text = "yes" if value else "no"
    else:
        text = "nothing" if value is None else str(value)
    text = redacted(text)
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def redacted(text: str) -> str:
    if not any(sign in text for sign in _SIGNS):  # a sentence of a rule: most are
        return text
    for pattern in _SECRETS:
        text = pattern.sub("(secret)", text)
    return _NAMED_SECRET.sub(r"\1(secret)", text)
