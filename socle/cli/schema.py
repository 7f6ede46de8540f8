"""`socle schema`: the JSON Schemas: of stack files, for editors; of what `socle check --json` prints, for programs."""

from __future__ import annotations

import json
from pathlib import Path

import click

from socle.messages import _

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("stacks/stack.schema.json"), show_default=True)
@click.option("--findings", type=click.Path(path_type=Path), help="Write that of what `check --json` prints, here")
def schema(out: Path, findings: Path | None) -> None:
    """Write the JSON Schema of stack files, for editors."""
    from socle.report import plain
    from socle.stack.model import Stack

    document = {"$schema": DIALECT, **(plain.schema() if findings else Stack.model_json_schema(by_alias=True))}
    file = findings or out
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(_("schema written: {file}").format(file=file), err=True)
