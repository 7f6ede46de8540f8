"""Readers of the configuration files that nodes get: just enough to judge them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Directives = Mapping[str, tuple[str, ...]]


def pairs(text: str, separator: str | None = None) -> Directives:
    """`key=value` (coturn) or `key value` (sshd, chrony, Valkey), keys in lower case; a key alone has the value ''."""
    found: dict[str, list[str]] = {}
    for written in text.splitlines():
        line = re.split(r"(?:^|\s)#", written, maxsplit=1)[0].strip()
        if line:
            key, value = _split(line, separator)
            found.setdefault(key.strip().lower(), []).append(value.strip().strip('"'))
    return {key: tuple(values) for key, values in found.items()}


def _split(line: str, separator: str | None) -> tuple[str, str]:
    parts = [*line.split(separator, 1), ""]
    return parts[0], parts[1]


def last(directives: Directives, key: str, default: str = "") -> str:
    values = directives.get(key, ())
    return values[-1] if values else default


def first(directives: Directives, key: str, default: str = "") -> str:
    """sshd keeps the first value it reads."""
    values = directives.get(key, ())
    return values[0] if values else default


def sections(text: str) -> Mapping[str, Directives]:
    """A systemd or Quadlet unit: section -> key -> values, keys as written."""
    found: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = found.setdefault("", {})
    for line in re.sub(r"\\\n", " ", text).splitlines():
        line = line.strip()  # noqa: PLW2901
        if not line or line[0] in "#;":
            continue
        if line.startswith("[") and line.endswith("]"):
            section = found.setdefault(line[1:-1], {})
        else:
            key, _, value = line.partition("=")
            section.setdefault(key.strip(), []).append(value.strip())
    return {name: {key: tuple(values) for key, values in keys.items()} for name, keys in found.items()}


def environment(text: str) -> Mapping[str, str]:
    """`NAME=value` as podman reads such a file: the value as it is, a line that begins with # left out."""
    lines = (line.lstrip() for line in text.splitlines())
    found = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip(): value for name, _, value in found}


def yaml_of(text: str) -> Mapping[str, Any]:
    import yaml

    data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both loaders are safe
    return data if isinstance(data, dict) else {}


@dataclass(frozen=True)
class Directive:
    """One nginx directive: the blocks around it (`("http", "server")`), its name and its arguments."""

    inside: tuple[str, ...]
    name: str
    arguments: tuple[str, ...]
    block: int  # number of the innermost block, so that directives of one server can be told from another's


_TOKEN = re.compile(r"""\s+|#[^\n]*|("(?:\\.|[^"])*"|'(?:\\.|[^'])*')|([{};])|([^\s{};"']+)""")


def nginx(text: str) -> tuple[Directive, ...]:
    return tuple(_nginx(text))


def _nginx(text: str) -> Iterator[Directive]:
    words: list[str] = []
    around: list[tuple[str, int]] = [("", 0)]
    blocks = 0
    for match in _TOKEN.finditer(text):
        quoted, mark, word = match.groups()
        if quoted is not None:
            words.append(quoted[1:-1])
        elif word is not None:
            words.append(word)
        elif mark is not None:
            if mark in ";{" and words:
                inside = tuple(name for name, _ in around[1:])
                yield Directive(inside, words[0], tuple(words[1:]), around[-1][1])
            if mark == "{":
                blocks += 1
                around.append((words[0] if words else "", blocks))
            elif mark == "}" and len(around) > 1:
                around.pop()
            words = []


@dataclass(frozen=True)
class Chain:
    """One nftables chain: its hook, priority and policy where it is a base chain, its rules as written."""

    name: str
    hook: str
    priority: str
    policy: str
    rules: tuple[str, ...]


def nft_chains(text: str) -> tuple[Chain, ...]:
    found = []
    for match in re.finditer(r"\bchain\s+([\w-]+)\s*\{(.*?)\n\s*\}", text, re.S):
        name, body = match.groups()
        # several statements may share a line
        parts = [part.strip() for line in body.splitlines() for part in _statements(line)]
        head = " ".join(part for part in parts if re.match(r"type\b|policy\b", part))
        hook = re.search(r"\bhook\s+(\w+)", head)
        policy = re.search(r"\bpolicy\s+(\w+)", head)
        priority = re.search(r"\bpriority\s+([\w-]+)", head)
        rules = tuple(p for p in parts if p and not re.match(r"type\b|policy\b|#", p))
        of_hook, at, falls = (one.group(1) if one else "" for one in (hook, priority, policy))
        found.append(Chain(name, of_hook, at, falls, rules))
    return tuple(found)


def base_chain(text: str, hook: str, priority: tuple[str, ...] = ("filter", "0")) -> Chain | None:
    """`priority`: its name and its number, of IP."""
    return next((one for one in nft_chains(text) if one.hook == hook and one.priority in priority), None)


def _statements(line: str) -> list[str]:
    """`a; b` apart, but not inside quotes."""
    return [part for part in re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', line) if part.strip()]
