"""`socle up`: exactly what was planned, then the nodes' configuration. Finishes whatever an earlier run left."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from socle.messages import _

if TYPE_CHECKING:
    from socle.engine.beside import Beside
    from socle.engine.deploy import Preview
    from socle.engine.flow import Ready
    from socle.engine.plan import Plan


@click.command()
@click.argument("stack")
@click.option("--plan", "file", type=click.Path(dir_okay=False, path_type=Path), help="Apply this plan and no other")
@click.option("--yes", is_flag=True, help="Do not ask")
@click.option("--replace", multiple=True, metavar="NAME", help="Replace this node; allow this resource to go")
@click.option("--cloud-only", is_flag=True, help="Stop before the nodes are configured")
@click.option("--break-lock", is_flag=True, help="Take the state's lock away from a run that is dead for certain")
def up(stack: str, file: Path | None, yes: bool, replace: tuple[str, ...], cloud_only: bool, break_lock: bool) -> None:
    """Apply a plan (or plan, show, ask, apply), then configure the nodes."""
    from socle.cli.plan import judged, settings

    case = judged(stack)

    from socle.engine import flow, workspace

    if not cloud_only:
        from socle.nodes import handed, vault

        handed.require(case.loaded, case.topology, lambda: vault.read_vault(case.loaded.name))

    given = flow.read_plan(case.loaded, file) if file else None
    with workspace.alone(case.loaded, "up"):
        ready = flow.prepare(case, settings(case))
        deployment = flow.recovered(ready, break_lock=break_lock)
        made, seen = flow.planned(ready, deployment, given.replace if given else replace, against=given)
        beside = flow.beside(ready, deployment, seen)
        if flow.touches_anything(seen) or any(one.mend for one in beside):
            _apply(ready, deployment, made, seen, beside, ask=not (yes or given))
        else:
            for one in beside:
                click.echo(f"- {one.words}")
            click.echo(_("cloud: no operation, it is as the stack says"))
        if not cloud_only:
            _configure(ready)


def _apply(
    ready: Ready, deployment: dict[str, Any], made: Plan, seen: Preview, beside: Sequence[Beside], *, ask: bool
) -> None:
    from socle.cli.plan import show
    from socle.engine import flow, summary

    show(ready.case, seen, beside)
    if ask:
        click.confirm(_("apply this?"), abort=True)
    started = time.monotonic()
    if mended := flow.mend(beside):
        click.echo(_("cloud: put back what the engine does not see, things: {count}").format(count=mended))
    if not flow.touches_anything(seen):
        return
    flow.apply(ready, deployment, made)
    seconds = round(time.monotonic() - started)
    click.echo(_("cloud: {what}, in {seconds} s").format(what=summary.sentence(seen.found), seconds=seconds))


def _configure(ready: Ready) -> None:
    from socle.engine import flow
    from socle.engine.build import say
    from socle.nodes import names, outputs, run

    topology, made = ready.case.topology, flow.outputs(ready)
    summary = run.configure(ready.loaded, topology, made, ready.cloud, say)
    message = (
        _("nodes: {nodes} configured, {changed} tasks changed something, in {seconds} s")
        if summary.changed
        else _("nodes: nothing changed on any of {nodes}, in {seconds} s")
    )
    click.echo(message.format(nodes=summary.nodes, changed=summary.changed, seconds=round(summary.seconds)))
    addresses = names.records(topology, outputs.read(made, topology))[topology.domain]
    message = _("the service: https://{name}/ at {addresses}")
    click.echo(message.format(name=topology.domain, addresses=", ".join(addresses)))
