"""`socle drift`: what the live cloud has that was not applied, and what that does to the controls. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from socle.messages import _

if TYPE_CHECKING:
    from socle.drift import Drift


@click.command()
@click.argument("stack")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
def drift(stack: str, as_json: bool) -> None:
    """Tell what on the cloud differs from what was applied, and what it does to the controls."""
    from socle.cli.plan import case_of
    from socle.drift import judged
    from socle.engine import deploy, flow, workspace
    from socle.engine.drift import look
    from socle.errors import Drifted
    from socle.stack import load_stack

    loaded = load_stack(stack)
    case = case_of(stack, {})
    with workspace.alone(loaded, "drift"):
        ready = flow.prepare(case, existence=False)
        deploy.refuse_unfinished(loaded, workspace.exported(ready.stack))
        found = judged(loaded, case.topology, look(ready.stack, ready.cloud))
    click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False) if as_json else "\n".join(_lines(found)))
    if found.differences:
        message = _("the cloud is not as it was applied, differences: {count}").format(count=len(found.differences))
        raise Drifted("SOC-8401", message, hint=_("socle up {stack} puts back what was applied").format(stack=stack))


def _lines(found: Drift) -> Iterator[str]:
    from socle.report.dossier import STANDINGS

    if not found.differences:
        yield _("no difference: the cloud is as it was applied")
        return
    for one in found.differences:
        yield f"{_(one.kind):12}{one.title} {one.name}"
        if one.kind == "undeclared":
            yield from (f"  {key}: {_short(value)}" for key, value in sorted(one.live.items()))
        elif one.kind == "changed":
            yield from (f"  {key}: {_short(a)} -> {_short(b)}" for key, a, b in _moved(one.applied, one.live))
    if found.controls:
        yield ""
        yield _("CONTROLS, BEFORE AND NOW")
        for change in found.controls:
            yield f"{change.control}: {_(STANDINGS[change.before][1])} -> {_(STANDINGS[change.now][1])}"
            yield from (f"  {finding.subject}: {finding.seen}" for finding in change.findings)


def _moved(before: Mapping[str, Any], now: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Key, old and new value; of a map inside, only what differs in it."""
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from _moved(old, new, f"{path}{key}.")
        elif old != new:
            yield f"{path}{key}", old, new


def _short(value: Any) -> str:
    from socle.graph.model import Ref

    if isinstance(value, Ref):
        return value.target
    if isinstance(value, list):
        return ", ".join(map(_short, value)) or "-"
    text = "-" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
