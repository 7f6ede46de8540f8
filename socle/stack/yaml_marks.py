"""YAML with the place of every value. Refuses duplicate keys, alias bombs, depth, characters that nobody sees."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from socle.errors import UNSEEN, InputError, Mark
from socle.messages import _

MAX_BYTES = 256 * 1024
MAX_DEPTH = 12
MAX_VALUES = 20_000  # after aliases are followed: a bomb is a small file that says a lot

MAX_DIGITS = 64  # of a number; what is longer stays text, and no key takes it

Path_ = tuple[str | int, ...]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PLAIN = {f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null")}
_NUMBERS = {f"tag:yaml.org,2002:{kind}" for kind in ("int", "float")}
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the ends of lines that YAML 1.1 counts


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
    except FileNotFoundError:
        raise InputError("SOC-1001", "no such file: {file}", where=Mark(label), file=label) from None
    except OSError as error:
        raise InputError("SOC-1001", "cannot be read as UTF-8 text: {error}", where=Mark(label), error=error) from None
    return document_of(raw, label)


def document_of(raw: bytes, label: str) -> Document:
    """The document of a file's content."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
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


class _Text:
    """A file's text, which turns positions in it into places."""

    def __init__(self, text: str, label: str) -> None:
        self.text, self.label = text, label
        self.end = self.place(len(text))

    def place(self, position: int) -> Mark:
        """Of a character, counted from 0."""
        lines = _BREAK.split(self.text[:position])
        return Mark(self.label, len(lines), len(lines[-1]) + 1)

    def mark(self, found: Any) -> Mark:
        """Of a mark of the parser, which sees the end of a text one line after it."""
        where = Mark(self.label, found.line + 1, found.column + 1)
        return min(where, self.end, key=lambda mark: (mark.line, mark.column))


def parse(text: str, label: str) -> Document:
    source = _Text(text, label)
    if unseen := UNSEEN.search(text):
        raise _unseen(unseen[0], source.place(unseen.start()))
    try:
        _refuse_depth(source)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        found = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not YAML"
        where = source.mark(found) if found else Mark(label)
        raise InputError("SOC-1002", "not valid YAML: {problem}", where=where, problem=problem) from None
    document = Document(label, None)
    document.data = _Builder(document, source).build(node, ()) if node is not None else {}
    return document


def _refuse_depth(source: _Text) -> None:
    """Before anything is composed: composing calls itself at each level, and libyaml's overruns the stack."""
    depth = 0
    for event in yaml.parse(source.text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH + 1:
                where = source.mark(event.start_mark)
                raise InputError("SOC-1004", "nested deeper than {limit} levels", where=where, limit=MAX_DEPTH)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _unseen(character: str, where: Mark) -> InputError:
    name = f"U+{ord(character):04X}"
    return InputError("SOC-1006", "a character that cannot be seen: {character}", where=where, character=name)


class _Builder:
    def __init__(self, document: Document, source: _Text) -> None:
        self.document, self.source = document, source
        self.seen = 0
        self.scalars = yaml.constructor.SafeConstructor()

    def at(self, node: yaml.Node) -> Mark:
        return self.source.mark(node.start_mark)

    def build(self, node: yaml.Node, path: Path_) -> Any:
        self.seen += 1 + len(node.value) // 1000  # a long text that aliases repeat is read each time
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
            name = self.seen_text(key)
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
        text = self.seen_text(node)
        if node.tag not in _PLAIN or (node.tag in _NUMBERS and len(text) > MAX_DIGITS):
            return text  # dates and the like stay as written
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError, LookupError):  # `!!int x`, `!!bool maybe`
            problem = f"{text} is no {node.tag.rpartition(':')[2]}"
            raise InputError("SOC-1002", "not valid YAML: {problem}", where=self.at(node), problem=problem) from None

    def seen_text(self, node: yaml.Node) -> str:
        """A scalar's text; in double quotes YAML writes any character as an escape."""
        if unseen := UNSEEN.search(node.value):
            raise _unseen(unseen[0], self.at(node))
        return str(node.value)
