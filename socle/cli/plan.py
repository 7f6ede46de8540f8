"""`socle plan`: the gate, the preview, the plan file. Neither the cloud nor what is recorded of it changes."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from socle.messages import _

if TYPE_CHECKING:
    from socle.engine.beside import Beside
    from socle.engine.case import Case
    from socle.engine.deploy import Preview
    from socle.engine.plan import Plan


@click.command()
@click.argument("stack")
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan to FILE (mode 0600)")
@click.option("--replace", multiple=True, metavar="NAME", help="Replace this node; allow this resource to go")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
def plan(stack: str, save: Path | None, replace: tuple[str, ...], as_json: bool) -> None:
    """Preview the cloud operations and save them as a plan file."""
    case = judged(stack)

    from socle import passphrase
    from socle.engine import deploy, flow, workspace
    from socle.engine.plan import save as write

    with workspace.alone(case.loaded, "plan"):
        ready = flow.prepare(case, settings(case))
        deployment = workspace.exported(ready.stack)
        deploy.refuse_unfinished(case.loaded, deployment)
        made, seen = flow.planned(ready, deployment, replace)
        beside = flow.beside(ready, deployment, seen)
    if save:
        write(made, save, passphrase.read())
    if as_json:
        told = {**_public(made), "beside": [one.document() for one in beside]}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    show(case, seen, beside)
    if save:
        click.echo(_("plan saved: {file}").format(file=save))


def judged(stack: str) -> Case:
    """The stack with the gate's verdict on it, before any call to a cloud. Raises GateRefused."""
    from socle import check_cache
    from socle.policy import gate

    result = check_cache.remembered(stack, strict=False)
    gate.refuse(result.verdict)
    verdict = {
        "go": result.verdict.go,
        "day": result.day,
        "rules_run": result.rules_run,
        "evidence": result.digest,
        "waived": sorted({finding.control for finding in result.verdict.waived}),
    }
    return case_of(stack, verdict)


def case_of(stack: str, verdict: dict[str, Any]) -> Case:
    from socle.engine.case import Case
    from socle.errors import EngineError
    from socle.graph.capture import capture
    from socle.stack import load_stack
    from socle.topology import derive

    loaded = load_stack(stack)
    topology, names = derive(loaded), tuple[str, ...]()
    with suppress(EngineError):  # the names are for `down` and for recovery, which must not need a working program
        names = tuple(resource.name for resource in capture(loaded, topology))
    return Case(loaded, topology, names, verdict)


def settings(case: Case) -> dict[str, str]:
    """What the program needs beside the stack file: the operator's public key, made on first use."""
    from socle.nodes.vault import open_vault

    return {"socle:sshPublicKey": open_vault(case.loaded, case.topology).public_key}


def show(case: Case, seen: Preview, beside: Sequence[Beside] = ()) -> None:
    """What the engine does not see, then the operations, what they mean, cost and take, on standard output."""
    from socle.engine import durations, effects, summary

    for one in beside:
        click.echo(f"- {one.words}")
    if not (table := summary.in_words(seen.found)):
        if not any(one.mend for one in beside):
            click.echo(_("no change: the cloud is as the stack says"))
        return
    click.echo(table + "\n")
    for effect in effects.effects(seen.found, case.topology, seen.stillborn):
        click.echo(f"- {effect}")
    cloud = case.loaded.cloud
    if cloud.prices and (cost := effects.cost(seen.found, cloud)) is not None:
        message = _("cost per month, without taxes: {difference} {currency}")
        click.echo(message.format(difference=f"{cost:+.2f}", currency=cloud.prices.currency))
    seconds = durations.of_cloud(case.loaded.stack.cloud).estimate(seen.found)
    if seconds is not None:
        click.echo(_("time, by earlier runs on this cloud: about {seconds} s").format(seconds=math.ceil(seconds)))


def _public(made: Plan) -> dict[str, Any]:
    """Everything but the engine's own part, which nobody reads."""
    from dataclasses import asdict

    return {key: value for key, value in asdict(made).items() if key != "engine_plan"}
