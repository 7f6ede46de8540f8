"""YAML with the place of every value. Refuses duplicate keys, alias bombs, depth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from socle.errors import InputError, Mark
from socle.messages import _

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MAX_VALUES = 20_000  # after aliases are followed: a bomb is a small file that says a lot

Path_ = tuple[str | int, ...]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}


@dataclass
class Document:
    """Plain data, and where each value (and each key) was written."""

    file: str
    data: Any
    values: dict[Path_, Mark] = field(default_factory=dict)
    keys: dict[Path_, Mark] = field(default_factory=dict)

    def mark(self, path: Path_, *, key: bool = False) -> Mark:
        """The place of `path`, or of its nearest written parent."""
        for end in range(len(path), -1, -1):
            table = self.keys if key and end == len(path) else self.values
            if (found := table.get(path[:end])) is not None:
                return found
        return Mark(self.file)


def read(file: Path, name: str | None = None) -> Document:
    """The document of one file. `name` is what errors call it."""
    label = name or str(file)
    try:
        raw = file.read_bytes()
        text = raw.decode("utf-8")
    except FileNotFoundError:
        raise InputError("SOC-1001", "no such file: {file}", where=Mark(label), file=label) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("SOC-1001", "cannot be read as UTF-8 text: {error}", where=Mark(label), error=error) from None
    if len(raw) > MAX_BYTES:
        raise InputError(
            "SOC-1004",
            "larger than {limit} KiB: {size} bytes",
            where=Mark(label),
            limit=MAX_BYTES // 1024,
            size=len(raw),
        )
    return parse(text, label)


def parse(text: str, label: str) -> Document:
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise _syntax(error, label) from None
    except RecursionError:
        raise InputError("SOC-1004", "nested deeper than {limit} levels", where=Mark(label), limit=MAX_DEPTH) from None
    document = Document(label, None)
    document.data = _Builder(document).build(node, ()) if node is not None else {}
    return document


def _syntax(error: yaml.YAMLError, label: str) -> InputError:
    place = getattr(error, "problem_mark", None)
    mark = Mark(label, place.line + 1, place.column + 1) if place else Mark(label)
    problem = getattr(error, "problem", None) or "not YAML"
    return InputError("SOC-1002", "not valid YAML: {problem}", where=mark, problem=problem)


class _Builder:
    def __init__(self, document: Document) -> None:
        self.document = document
        self.seen = 0
        self.scalars = yaml.constructor.SafeConstructor()

    def at(self, node: yaml.Node) -> Mark:
        return Mark(self.document.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def build(self, node: yaml.Node, path: Path_) -> Any:
        self.seen += 1
        if self.seen > MAX_VALUES or len(path) > MAX_DEPTH:
            limit = f"{MAX_VALUES} values" if self.seen > MAX_VALUES else f"{MAX_DEPTH} levels"
            raise InputError(
                "SOC-1004", "aliases or nesting grow past the limit: {limit}", where=self.at(node), limit=limit
            )
        self.document.values.setdefault(path, self.at(node))
        if isinstance(node, yaml.MappingNode):
            return dict(self.pairs(node, path))
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        return self.scalar(node)

    def pairs(self, node: yaml.MappingNode, path: Path_) -> Iterator[tuple[str, Any]]:
        seen: dict[str, Mark] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InputError("SOC-1002", "a key must be a plain word", where=self.at(key))
            name = str(key.value)
            if name in seen:
                raise InputError(
                    "SOC-1003",
                    "key written twice: {name}",
                    where=self.at(key),
                    hint=_("first written at {mark}").format(mark=seen[name]),
                    name=name,
                )
            seen[name] = self.document.keys[(*path, name)] = self.at(key)
            yield name, self.build(value, (*path, name))

    def scalar(self, node: yaml.Node) -> Any:
        if node.tag not in _PLAIN:
            return node.value  # dates and the like stay as written
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            raise InputError("SOC-1002", "not valid YAML: {problem}", where=self.at(node), problem=error) from None
