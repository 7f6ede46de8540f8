"""`socle schema`: the JSON Schema that editors check stack files with."""

from __future__ import annotations

import json
from pathlib import Path

import click

from socle.messages import _


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("stacks/stack.schema.json"), show_default=True)
def schema(out: Path) -> None:
    """Write the JSON Schema of stack files, for editors."""
    from socle.stack.model import Stack

    document = Stack.model_json_schema(by_alias=True)
    document["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(_("schema written: {file}").format(file=out), err=True)
