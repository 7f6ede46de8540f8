"""`socle schema`: the JSON Schemas: of stack files, for editors; of what `socle check --json` prints, for programs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from socle.messages import _


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="File to write [default: stacks/stack.schema.json]")
@click.option("--findings", is_flag=True, help="Of what `socle check --json` prints [default: findings.schema.json]")
def schema(out: Path | None, findings: bool) -> None:
    """Write the JSON Schema of stack files, for editors."""
    from socle.report import plain
    from socle.stack.model import Stack

    if findings:
        document, file = plain.schema(), out or Path("findings.schema.json")
    else:
        document, file = Stack.model_json_schema(by_alias=True), out or Path("stacks/stack.schema.json")
        document["$schema"] = plain.DIALECT
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(_("schema written: {file}").format(file=file), err=True)
