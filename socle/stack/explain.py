"""Pydantic's complaints, said in Socle's words at the place in the file."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from socle.errors import InputError, StackErrors
from socle.messages import _
from socle.stack.yaml_marks import Document, Path_

SHOWN = 20  # mistakes of one file that are told at once
M = TypeVar("M", bound=BaseModel)

RENAMED: Mapping[str, str] = {}  # old key path -> new one; an entry stays until two releases later


def validate(model: type[M], document: Document, what: str) -> M:
    """The document as `model`, or its mistakes at once, up to SHOWN of them (`StackErrors`)."""
    if not isinstance(document.data, dict):
        raise InputError(
            "SOC-1005", "{what} must be a mapping of keys to values", where=document.mark(()), what=_(what)
        )
    try:
        return model.model_validate(document.data)
    except ValidationError as error:
        items = error.errors(include_url=False)
        told = [_explain(model, document, item) for item in items[:SHOWN]]
        raise StackErrors(told, more=len(items) - len(told)) from None


def _explain(model: type[BaseModel], document: Document, item: Any) -> InputError:
    path: Path_ = tuple(item["loc"])
    name = ".".join(str(part) for part in path)
    found = item.get("input")
    kind = item["type"]
    if kind == "extra_forbidden":
        return _unknown_key(model, document, path, name)
    if kind == "missing":
        parent = document.mark(path[:-1])
        return InputError("SOC-1102", "missing key: {key}", where=parent, key=name)
    where = document.mark(path)
    if kind in ("enum", "literal_error"):
        allowed = [word.strip("'") for word in item["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        return InputError(
            "SOC-1103",
            "unknown {key}: {found}",
            where=where,
            hint=suggestion(str(found), allowed),
            key=path[-1],
            found=found if isinstance(found, str) else _short(found),
        )
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "too_short", "too_long"):
        return InputError(
            "SOC-1105",
            "{key} is out of range: {found}",
            where=where,
            hint=_sentence(item["msg"]),
            key=name,
            found=_short(found),
        )
    hint = _sentence(item["msg"])
    if path[-1:] == ("release",) and not isinstance(found, str):
        hint = _('write it between quotes: release: "{found}"').format(found=found)
    return InputError(
        "SOC-1104", "{key} has a wrong value: {found}", where=where, hint=hint, key=name, found=_short(found)
    )


def _unknown_key(model: type[BaseModel], document: Document, path: Path_, name: str) -> InputError:
    where = document.mark(path, key=True)
    if new := RENAMED.get(name):
        return InputError("SOC-1106", "`{old}` is now `{new}`", where=where, old=name, new=new)
    return InputError(
        "SOC-1101", "unknown key: {key}", where=where, hint=suggestion(str(path[-1]), _keys(model, path[:-1])), key=name
    )


def _keys(model: type[BaseModel], path: Path_) -> list[str]:
    """The keys that the model knows at `path`."""
    current: Any = model
    for part in path:
        if fields := getattr(current, "model_fields", {}):
            current = next((one.annotation for name, one in fields.items() if part in (name, one.alias)), None)
        else:  # a list or a mapping: what it holds
            current = next(iter(get_args(current)[-1:]), None)
        if get_origin(current) in (Union, UnionType):
            current = next((one for one in get_args(current) if one is not NoneType), None)
    fields = getattr(current, "model_fields", {})
    return [f.alias or n for n, f in fields.items()]


def suggestion(word: str, allowed: list[str]) -> str:
    """`did you mean x? one of: ...`"""
    close = get_close_matches(word, allowed, n=1, cutoff=0.6)
    words = [_("did you mean {word}?").format(word=close[0])] if close else []
    words += [_("one of: {words}").format(words=", ".join(allowed))] if allowed else []
    return " ".join(words)


def _sentence(text: str) -> str:
    return text.removeprefix("Value error, ").removeprefix("Input should be ").strip()


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
