"""The engine's way of writing property values, read into the graph's: names, secrets, unknowns."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from socle.graph.model import SECRET, UNKNOWN

SIGNATURE = "4dabf18193072939515e22adb298388d"  # key that says what a marked object is (Pulumi's wire format)
SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
ROOT_TYPE = "pulumi:pulumi:Stack"  # the stack itself, above everything
HIDDEN_TEXT = "[secret]"  # how the engine's events show a secret
FREE_FORM = {"metadata", "valueSpecs", "additionalProperties", "endpointOverrides"}  # their keys are the user's

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def snake(name: str) -> str:
    """`remoteIpPrefix` -> `remote_ip_prefix`, the SDK's own name."""
    return _HUMP.sub(r"_\1", name).lower()


def inputs(properties: Mapping[str, Any]) -> dict[str, Any]:
    """A resource's input properties. What the engine keeps for itself (`__defaults`) and absent values are left out."""
    return {
        snake(key): value(item, keep_keys=key in FREE_FORM)
        for key, item in sorted(properties.items())
        if not key.startswith("__") and item is not None
    }


def value(item: Any, *, keep_keys: bool = False) -> Any:
    if isinstance(item, Mapping):
        if item.get(SIGNATURE) == SECRET_SIGNATURE:
            return SECRET
        return {key: value(one) for key, one in sorted(item.items())} if keep_keys else inputs(item)
    if isinstance(item, list | tuple):
        return [value(one) for one in item]
    if item == UNKNOWN_TEXT:
        return UNKNOWN
    if item == HIDDEN_TEXT:
        return SECRET
    return int(item) if isinstance(item, float) and item.is_integer() else item
