"""A graph as JSON text, and back, marks and source positions included."""

from __future__ import annotations

import json
from typing import Any

from socle.errors import Mark
from socle.graph.model import SECRET, UNKNOWN, Graph, Ref, Resource

FORMAT = 1
_MARK = "$socle"  # no property of a resource is called so


def dumps(graph: Graph) -> str:
    rows = [
        {
            "type": one.type,
            "name": one.name,
            "parent": one.parent,
            "inputs": _written(dict(one.inputs)),
            "protect": one.protect,
            "where": [one.where.file, one.where.line, one.where.column] if one.where else None,
        }
        for one in graph
    ]
    return json.dumps({"format": FORMAT, "resources": rows}, ensure_ascii=False, separators=(",", ":"))


def loads(text: str) -> Graph:
    """Raises ValueError for anything else than what `dumps` wrote."""
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError("format")
        return Graph(
            tuple(
                Resource(
                    type=row["type"],
                    name=row["name"],
                    parent=row["parent"],
                    inputs=_read(row["inputs"]),
                    protect=row["protect"],
                    where=Mark(*row["where"]) if row["where"] else None,
                )
                for row in data["resources"]
            )
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a stored graph: {error}") from None


def _written(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    if isinstance(value, Ref):
        return {_MARK: "ref", "target": value.target, "output": value.output}
    if value is UNKNOWN:
        return {_MARK: "unknown"}
    return {_MARK: "secret"} if value is SECRET else value


def _read(value: Any) -> Any:
    if isinstance(value, list):
        return [_read(item) for item in value]
    if not isinstance(value, dict):
        return value
    match value.get(_MARK):
        case "ref":
            return Ref(value["target"], value["output"])
        case "unknown":
            return UNKNOWN
        case "secret":
            return SECRET
        case _:
            return {key: _read(item) for key, item in value.items()}
