"""Nested values, taken apart and written down: in comparisons, in drift, in what is in force."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from socle.graph.model import Ref
from socle.policy.outcome import redacted


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The values inside maps and lists of maps, with their places; a list of plain values is one value."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, (*path, str(key)))
    elif isinstance(value, list | tuple) and any(isinstance(item, Mapping) for item in value):
        for index, item in enumerate(value):
            yield from leaves(item, (*path, index))
    elif value is not None:
        yield path, value


def dotted(path: tuple[str | int, ...]) -> str:
    """`fixed_ips[0].ip_address`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def plain(value: Any) -> Any:
    """As JSON takes it: references and marks of the graph as text, secrets hidden."""
    if isinstance(value, Ref):
        return f"{value.target}.{value.output}"
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, str):
        return redacted(value)
    return value if value is None or isinstance(value, bool | int | float) else str(getattr(value, "value", value))
