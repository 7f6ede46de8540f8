"""Renders the configuration files: one code for `check`, in-process, and for the action that deploys them.

A role lists its files in `vars/main.yml`, `<role>_files`: each entry has `path` and one of `template` (with `owner`,
`group`, `mode`, `validate`), `folder: true`, `link`, `rights: true` (of a file that is there) or `absent: true`.
`optional: true`: no file where it is empty. `level`: the lowest level of ANSSI-BP-028 that asks for the entry; on a
node of a lower one there is no such file, and the rights of others stay as they are.
`given`: what this file's template is told besides, where one template makes several files.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jinja2

# What the inventory and the vault say of a node: the only names that a template may use, besides a task's own.
MODEL = (
    "stack", "names", "flows", "peers", "fronts", "surroundings", "objects", "identity", "watched",
    "operator", "images", "trust", "turn_lifetime", "node", "openings", "secrets",
)  # fmt: skip
DEFAULTS = {"owner": "root", "group": "root", "mode": "0644"}
LEVELS = ("minimal", "intermediary", "enhanced")


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def hmac_sha256(secret: str, purpose: str) -> str:
    """A secret of its own for each purpose, in hexadecimal: who learns one learns neither the others nor the first."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).hexdigest()


def ssha(secret: str) -> str:
    """As nginx keeps a password: a digest of the secret and of a salt that follows from it, so that it is the same each
    time. SHA-1 does for a secret of 256 random bits, which nobody finds by trying."""
    salt = bytes.fromhex(hmac_sha256(secret, "ssha"))[:8]
    digest = hashlib.sha1(secret.encode() + salt, usedforsecurity=False).digest()
    return "{SSHA}" + base64.b64encode(digest + salt).decode()


@cache
def environment(templates: Path) -> jinja2.Environment:
    """An unknown variable is an error, never an empty string."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  configuration files, no HTML from users
    )
    made.filters |= {"sha256": sha256, "hmac_sha256": hmac_sha256, "ssha": ssha}
    return made


@cache  # every node of every tier has the common role's paths
def phrase(templates: Path, text: str) -> jinja2.Template:
    return environment(templates).from_string(text)


def rendered(files: Iterable[Mapping[str, Any]], templates: Path, variables: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries with their paths and, for templates, `content` filled in; nothing else of the entry changes."""
    engine = environment(templates)
    done = []
    for entry in files:
        one: dict[str, Any] = {**DEFAULTS, **entry}
        beyond = LEVELS.index(one.pop("level", LEVELS[0])) > LEVELS.index(
            variables.get("node", {}).get("level", LEVELS[-1])
        )
        if beyond and "template" not in one:
            continue
        for key in ("path", "owner", "group", "link"):
            if "{{" in one.get(key, ""):
                one[key] = phrase(templates, one[key]).render(variables)
        if beyond:
            one = {"path": one["path"], "absent": True}
        elif template := one.pop("template", None):
            own = one.pop("given", {})
            one["content"] = engine.get_template(template).render({**variables, **own})
            if one.pop("optional", False) and not one["content"].strip():
                one = {"path": one["path"], "absent": True}
        done.append(one)
    return done
