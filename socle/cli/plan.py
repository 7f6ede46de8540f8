"""`socle plan`: the gate, the preview, the plan file. Changes nothing, neither in the cloud nor in the state."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from socle.messages import _


@click.command()
@click.argument("stack")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan to FILE (mode 0600)")
@click.option("--replace", multiple=True, metavar="NAME", help="Replace this node; allow this resource to go")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
def plan(stack: str, save: Path | None, replace: tuple[str, ...], as_json: bool) -> None:
    """Preview the cloud operations and save them as a plan file."""
    from socle.engine import judged
    from socle.stack import load_stack

    loaded = load_stack(stack)
    case = judged.before_any_call(loaded)

    from socle.engine import deploy, flow, workspace
    from socle.engine.plan import save as write

    with workspace.alone(loaded, "plan"):
        ready = flow.prepare(case, settings(case))
        deployment = workspace.exported(ready.stack)
        deploy.refuse_unfinished(loaded, deployment)
        made, seen = flow.planned(ready, deployment, replace)
    if save:
        write(made, save, workspace.passphrase_file().read_bytes())
    if as_json:
        click.echo(json.dumps(_public(made), indent=2, ensure_ascii=False))
        return
    show(seen)
    if save:
        click.echo(_("plan saved: {file}").format(file=save))


def settings(case: Any) -> dict[str, str]:
    """What the program needs beside the stack file: the operator's public key, made on first use."""
    from socle.nodes.vault import open_vault

    return {"socle:sshPublicKey": open_vault(case.loaded, case.topology).public_key}


def show(seen: Any) -> None:
    """The operations in words, on standard output."""
    from socle.engine import summary

    click.echo(summary.in_words(seen.found) or _("no change: the cloud is as the stack says"))


def _public(made: Any) -> dict[str, Any]:
    """Everything but the engine's own part, which nobody reads."""
    from dataclasses import asdict

    return {key: value for key, value in asdict(made).items() if key != "engine_plan"}
