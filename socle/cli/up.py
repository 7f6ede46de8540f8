"""`socle up`: exactly what was planned, then the nodes' configuration. Finishes whatever an earlier run left."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from socle.messages import _


@click.command()
@click.argument("stack")
@click.option("--plan", "file", type=click.Path(dir_okay=False, path_type=Path), help="Apply this plan and no other")
@click.option("--yes", is_flag=True, help="Do not ask")
@click.option("--replace", multiple=True, metavar="NAME", help="Replace this node; allow this resource to go")
@click.option("--cloud-only", is_flag=True, help="Stop before the nodes are configured")
@click.option("--break-lock", is_flag=True, help="Take the state's lock away from a run that is dead for certain")
def up(stack: str, file: Path | None, yes: bool, replace: tuple[str, ...], cloud_only: bool, break_lock: bool) -> None:
    """Apply a plan (or plan, show, ask, apply), then configure the nodes."""
    from socle.engine import judged
    from socle.stack import load_stack

    loaded = load_stack(stack)
    case = judged.before_any_call(loaded)

    from socle.cli.plan import settings
    from socle.engine import flow, workspace

    given = flow.read_plan(loaded, file) if file else None
    with workspace.alone(loaded, "up"):
        ready = flow.prepare(case, settings(case))
        deployment = flow.recovered(ready, break_lock=break_lock)
        replace = given.replace if given else replace
        made, seen = flow.planned(ready, deployment, replace, against=given)
        if not flow.touches_anything(seen):
            click.echo(_("cloud: no operation, it is as the stack says"))
        else:
            _apply(ready, deployment, made, seen, ask=not (yes or given))
        if cloud_only:
            return
        outputs = flow.outputs(ready)
        _configure(loaded, case.topology, outputs)


def _apply(ready: Any, deployment: Any, made: Any, seen: Any, *, ask: bool) -> None:
    from socle.cli.plan import show
    from socle.engine import flow, summary

    show(seen)
    if ask:
        click.confirm(_("apply this?"), abort=True)
    started = time.monotonic()
    flow.apply(ready, deployment, made)
    seconds = round(time.monotonic() - started)
    click.echo(_("cloud: {what}, in {seconds} s").format(what=summary.sentence(seen.found), seconds=seconds))


def _configure(loaded: Any, topology: Any, outputs: dict[str, Any]) -> None:
    from socle import nodes

    nodes.configure(loaded, topology, outputs)
