"""A draft as YAML with comments. Pure, but for reading the template."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from socle.cloudfile.draft import Draft
from socle.errors import visible

if TYPE_CHECKING:
    import jinja2

WIDTH = 118
TEMPLATE = "cloud.yaml.j2"


def text(draft: Draft) -> str:
    """The whole file. The same draft gives the same bytes."""
    remarks = defaultdict(tuple, {key: tuple(told) for key, told in draft.remarks.items()})
    return _template().render(remarks_of=remarks, values=draft.values)


@cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML: every value goes through `flow`, every remark through `comment`
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"flow": _flow, "aligned": _aligned, "comment": _comment}
    return environment.get_template(TEMPLATE)


def _flow(value: Any) -> str:
    """On one line, and quoted where YAML would take it for something else."""
    written = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=2**31)
    return written.removesuffix("...\n").strip()


def _aligned(things: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Keys with their colon, as wide as the widest, and values."""
    keys = [f"{_flow(name)}:" for name in things]
    return [(key.ljust(max(map(len, keys))), _flow(value)) for key, value in zip(keys, things.values(), strict=True)]


def _comment(remark: str) -> str:
    """A name in it may hold anything: what would end the line does not."""
    return "\n".join(textwrap.wrap(visible(remark), WIDTH, initial_indent="# ", subsequent_indent="#   "))
