"""Whatever a stack, cloud, release, overlay or waiver file can hold, for hypothesis: valid, nearly valid, hostile.

Values are drawn from the JSON schemas of the models, so a new key is generated without a change here; a new kind of
value (a `format`) stops the tests until `WRITTEN` knows it. Texts start from the shipped files.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from socle.policy import statement, waiver
from socle.stack.cloud import Cloud
from socle.stack.model import Stack
from socle.stack.release import Overlay, Release
from tests.conftest import ROOT, STACKS

Schema = Mapping[str, Any]

KINDS: dict[str, Schema] = {
    "stack": Stack.model_json_schema(by_alias=True),
    "cloud": Cloud.model_json_schema(by_alias=True),
    "release": Release.model_json_schema(by_alias=True),
    "overlay": Overlay.model_json_schema(by_alias=True),
    "waivers": waiver.WaiverFile.model_json_schema(by_alias=True),
    "statements": statement.StatementFile.model_json_schema(by_alias=True),
}

# --- values -----------------------------------------------------------------------------------------------------------

SEEN = st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"])

WRITTEN: dict[str, SearchStrategy[str]] = {  # a schema's `format` -> how such a value is written
    "date": st.dates().map(str),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv4interface": st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(lambda one: f"{one[0]}/{one[1]}"),
    "ipv4network": st.tuples(st.ip_addresses(v=4), st.integers(0, 32)).map(
        lambda one: str(ipaddress.IPv4Network(one, strict=False))
    ),
    "ipv6network": st.tuples(st.ip_addresses(v=6), st.integers(0, 128)).map(
        lambda one: str(ipaddress.IPv6Network(one, strict=False))
    ),
}

ODD_TEXT = st.sampled_from(
    [
        "",
        " ",
        "~",
        "null",
        "yes",
        "é" * 300,
        "x" * 70_000,
        "🇫🇷👩‍👩‍👧",
        "وزارة",
        "\u202eevil\u202c",
        "\x00",
        "\x1b[31mred\x1b[0m",
        "two\nlines",
        "tab\there",
        "\ufeff",
        "\ud800",
        "{braces} {0} {",
        "%s %(name)s",
        "../../etc/passwd",
        "/dev/null",
        "{{ 7 * 7 }}",
        "${HOME}",
        "https://[",
        "https://",
        "a:b:c",
        "-" * 300,
        "۵۰",
        "1e3",
        "0x10",
        "2026-13-45",
        "12:30:45",
        "<<",
        "'\"`",
    ]
)
ODD_NUMBER = st.sampled_from(
    [0, -1, 2**31, 2**64, 10**4000, -(10**4000), -0.0, 1e-320, 1e308, float("inf"), -float("inf"), float("nan"), True]
)
ODD = st.one_of(
    ODD_TEXT,
    ODD_NUMBER,
    st.none(),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.dates(),
    st.datetimes(timezones=st.sampled_from([None, datetime.UTC])),
    st.binary(max_size=8),
    st.sampled_from([[], {}, [[]], [None], {"": None}, [{}], {"a": {"b": {"c": []}}}]),
)


def _kept(build: Callable[[Schema, Schema], SearchStrategy[Any]]) -> Callable[[Schema, Schema], SearchStrategy[Any]]:
    """A strategy is built once for each part of the schemas (which stay where they are: an id is a name)."""
    known: dict[int, SearchStrategy[Any]] = {}

    def kept(schema: Schema, root: Schema) -> SearchStrategy[Any]:
        if id(schema) not in known:
            known[id(schema)] = build(schema, root)
        return known[id(schema)]

    return kept


@_kept
def valid(schema: Schema, root: Schema) -> SearchStrategy[Any]:
    """Values that the schema allows; of text without a pattern and of collections, small ones."""
    schema = _followed(schema, root)
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    if "anyOf" in schema:
        return st.one_of([valid(one, root) for one in schema["anyOf"]])
    return _BY_TYPE[schema["type"]](schema, root)


def _followed(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _text(schema: Schema, _root: Schema) -> SearchStrategy[str]:
    if written := schema.get("format"):
        return WRITTEN[written]
    longest = schema.get("maxLength", 200)
    if pattern := schema.get("pattern"):
        return _matching(pattern).filter(lambda text: len(text) <= longest)
    return st.text(SEEN, min_size=schema.get("minLength", 0), max_size=min(longest, 40))


@cache
def _matching(pattern: str) -> SearchStrategy[str]:
    return st.from_regex(pattern.removeprefix("^").removesuffix("$"), fullmatch=True, alphabet=SEEN)


def _integer(schema: Schema, _root: Schema) -> SearchStrategy[int]:
    return st.integers(schema.get("minimum"), schema.get("maximum", 10**7))


def _number(schema: Schema, _root: Schema) -> SearchStrategy[float]:
    return st.floats(
        schema.get("minimum", schema.get("exclusiveMinimum")),
        schema.get("maximum", schema.get("exclusiveMaximum")),
        exclude_min="exclusiveMinimum" in schema,
        exclude_max="exclusiveMaximum" in schema,
        allow_nan=False,
        allow_infinity=False,
    )


def _array(schema: Schema, root: Schema) -> SearchStrategy[Any]:
    if "prefixItems" in schema:
        return st.tuples(*(valid(one, root) for one in schema["prefixItems"])).map(list)
    least = schema.get("minItems", 0)
    return st.lists(valid(schema["items"], root), min_size=least, max_size=min(schema.get("maxItems", 4), least + 3))


def _object(schema: Schema, root: Schema) -> SearchStrategy[dict[str, Any]]:
    if "properties" not in schema:
        return st.dictionaries(st.sampled_from(["a", "livekit", "debian-13"]), valid(_values(schema), root), max_size=3)
    parts = {name: valid(part, root) for name, part in schema["properties"].items()}
    needed = set(schema.get("required", ()))
    return st.fixed_dictionaries(
        {name: parts[name] for name in parts if name in needed},
        optional={name: parts[name] for name in parts if name not in needed},
    )


def _values(schema: Schema) -> Schema:
    """What a mapping without fixed keys holds."""
    return next(iter(schema.get("patternProperties", {}).values()), None) or schema["additionalProperties"]


_BY_TYPE: dict[str, Callable[[Schema, Schema], SearchStrategy[Any]]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": lambda _schema, _root: st.booleans(),
    "null": lambda _schema, _root: st.none(),
    "array": _array,
    "object": _object,
}


@_kept
def nearly(schema: Schema, root: Schema) -> SearchStrategy[Any]:
    """One step beside what the schema allows."""
    schema = _followed(schema, root)
    edges = [schema[edge] for edge in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum") if edge in schema]
    steps = [edge + step for edge in edges for step in (-1, 0, 1)]
    good = valid(schema, root)
    near = [st.sampled_from(steps)] if steps else []
    near += [good.map(str), good.map(lambda one: [one]), good.map(lambda one: {"value": one})]
    near += [good.map(lambda one: one.upper() + " " if isinstance(one, str) else one)]
    return st.one_of(near)


@_kept
def anything(schema: Schema, root: Schema) -> SearchStrategy[Any]:
    return st.one_of(valid(schema, root), valid(schema, root), nearly(schema, root), ODD)


@st.composite
def changed(draw: DrawFn, schema: Schema, root: Schema, value: Any, *, mild: bool) -> Any:
    """`value` with one change somewhere inside it: another valid value, a near one, an odd one, a key gone or new.

    `mild`: one that the model most often lets through.
    """
    options = [_followed(one, root) for one in schema.get("anyOf", [schema])]
    kind = "object" if isinstance(value, dict) else "array" if isinstance(value, list) else ""
    inside = next((one for one in options if kind and one.get("type") == kind), None)
    if inside is None or (not mild and draw(st.integers(0, 9)) == 0):
        return draw(valid(schema, root) if mild and draw(st.integers(0, 5)) else anything(schema, root))
    other = _other_items if kind == "array" else _other_keys
    return draw(other(inside, root, value, mild=mild))


@st.composite
def _other_items(draw: DrawFn, schema: Schema, root: Schema, value: list[Any], *, mild: bool) -> list[Any]:
    if not value or draw(st.integers(0, 3)) == 0:
        return [*value, *value] if draw(st.booleans()) else value[1:]
    index = draw(st.integers(0, len(value) - 1))
    items = schema.get("items") or schema["prefixItems"][min(index, len(schema["prefixItems"]) - 1)]
    return [*value[:index], draw(changed(items, root, value[index], mild=mild)), *value[index + 1 :]]


@st.composite
def _other_keys(draw: DrawFn, schema: Schema, root: Schema, value: dict[str, Any], *, mild: bool) -> dict[str, Any]:
    parts = schema.get("properties") or {name: _values(schema) for name in value or ["a"]}
    name = draw(st.sampled_from(sorted(parts)))
    way = draw(st.integers(2 if mild else 0, 9))
    if way == 0:
        return {key: one for key, one in value.items() if key != name}
    if way == 1:
        new = draw(st.sampled_from([f"{name}s", name.upper(), name[1:], ""]) | ODD_TEXT | st.text(max_size=8))
        return {**value, new: value.get(name)}
    if name in value:
        return {**value, name: draw(changed(parts[name], root, value[name], mild=mild))}
    return {**value, name: draw(valid(parts[name], root))}


# --- texts ------------------------------------------------------------------------------------------------------------

SNIPPETS = [
    "&a ", "*a", "<<: *a\n", "<<: {}\n", "!!python/object:os.system ", "!!binary ", "!!set {a}", "!!bool maybe",
    '!!int ""', "!!int x", "!!float ''", "!!null x", "!!timestamp 2026-13-45", "!!str ", "!own ", "!!map ",
    "---\n", "...\n", "%YAML 9.9\n", "%TAG ! x\n", "? ", "? [a, b]\n: c\n", ": ", "- ", "[", "]", "{", "}", ",", "|\n",
    ">-\n",
    "\t", "\r", "\n", "\x85", "\u2028", "\ufeff", "\x00", "\x1b", "\u202e", "#", '"', "'", "`", "@", "0x" + "f" * 5000,
    "1" * 5000, ".inf", ".nan", "2026-02-30", "1:2:3:4", '"\\ud800"', '"\\x1b[2J"', '"\\N"', "[" * 2000, "- " * 2000,
    "{a: " * 2000, "&a [*a, *a]", "a: 1\na: 2\n", "é",
]  # fmt: skip


@st.composite
def written(draw: DrawFn, data: Any, *, mild: bool) -> str:
    """Data as YAML, in one of the ways that YAML has."""
    if not mild and draw(st.integers(0, 4)) == 0 and isinstance(data, dict):
        data = {**data, **{key: one for key, one in list(data.items())[:2] for key in (key, f"{key}2")}}  # aliases
    return yaml.safe_dump(
        data,
        sort_keys=False,
        allow_unicode=draw(st.booleans()),
        default_flow_style=draw(st.sampled_from([None, False, True])),
        default_style=draw(st.sampled_from([None, None, None, '"', "'", "|"])),
        width=draw(st.sampled_from([20, 120])),
        line_break=draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
        explicit_start=draw(st.booleans()),
    )


@st.composite
def damaged(draw: DrawFn, text: str) -> bytes:
    """The text with up to three accidents: cut, doubled, spoilt or inserted parts."""
    raw = text.encode("utf-8", "surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        place = draw(st.integers(0, len(raw)))
        way = draw(st.integers(0, 6))
        start, end = raw.rfind(b"\n", 0, place) + 1, raw.find(b"\n", place) + 1 or len(raw)
        if way == 0:
            raw = raw[:place]
        elif way == 1:
            raw = raw[:start] + raw[end:]
        elif way == 2:
            raw = raw[:end] + raw[start:end] + raw[end:]
        elif way == 3:
            raw = raw[:place] + bytes([draw(st.integers(0, 255))]) + raw[place + 1 :]
        elif way == 4:
            raw = draw(st.sampled_from([raw.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + raw, raw.replace(b"  ", b"\t")]))
        else:
            at = start if draw(st.booleans()) else place
            raw = raw[:at] + draw(st.sampled_from(SNIPPETS)).encode() + raw[at:]
    return raw


# --- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One file of `stack` replaced by `raw`. `kind`: which, a key of KINDS."""

    stack: str
    kind: str
    raw: bytes


@cache
def place(kind: str, stack: str) -> str:
    """Where the file of a kind is, below the folder of stacks."""
    data = yaml.safe_load((ROOT / "stacks" / f"{stack}.yaml").read_text(encoding="utf-8"))
    return {
        "stack": f"{stack}.yaml",
        "cloud": f"clouds/{data['cloud']}.yaml",
        "release": f"releases/{data['release']}.yaml",
        "overlay": "overlay.yaml",
        "waivers": "waivers/release-2026.11.yaml",
        "statements": "statements/own.yaml",
    }[kind]


STATED = """statements:
  - control: STO-13
    scope: ["*"]
    says: the traces were read, and the reading is on file
    document: review of October
    sha256: {sha256}
    by: information security officer
    made: 2026-11-01
    expires: 2026-12-01
""".format(sha256="ab" * 32)


@cache
def good_text(kind: str, stack: str) -> str:
    """The shipped file; no overlay is shipped, since a lab writes it, and no statement, since nobody here makes one."""
    if kind == "statements":
        return STATED
    if kind == "overlay":
        return f"images:\n  livekit: {{reference: r, version: v1, digest: 'sha256:{'0' * 64}'}}\n"
    return (ROOT / "stacks" / place(kind, stack)).read_text(encoding="utf-8")


@st.composite
def cases(draw: DrawFn, kinds: tuple[str, ...] = tuple(KINDS), *, mild: bool = False) -> Case:
    """`mild`: changes that a file most often survives, and no accident in its text."""
    kind = draw(st.sampled_from(kinds))
    stack = "demo" if kind == "overlay" else draw(st.sampled_from(STACKS))
    text = good_text(kind, stack)
    if not mild and draw(st.integers(0, 3)) == 0:
        return Case(stack, kind, draw(damaged(text)))
    schema, data = KINDS[kind], _read(text)
    for _ in range(draw(st.integers(1, 3))):
        data = draw(changed(schema, schema, data, mild=mild))
    text = draw(written(data, mild=mild))
    return Case(stack, kind, text.encode("utf-8", "surrogatepass") if mild else draw(damaged(text)))


@cache
def _read(text: str) -> Any:
    """Days stay text."""
    data = yaml.safe_load(text)
    return json.loads(json.dumps(data, default=str))
