"""`socle drift`: what the live cloud has that was not applied, and what that does to the controls. Changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

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
        hint = [_("socle up {stack} puts back what was applied").format(stack=stack)]
        if any(one.kind == "undeclared" for one in found.differences):
            hint.append(_("what nobody declared stays until somebody removes it"))
        raise Drifted("SOC-8401", message, hint="\n".join(hint))


def _lines(found: Drift) -> Iterator[str]:
    from socle.report.difference import moved, value
    from socle.report.dossier import STANDINGS
    from socle.values import dotted, leaves, plain

    if not found.differences:
        yield _("no difference: the cloud is as it was applied")
        return
    for one in found.differences:
        yield f"{_(one.kind):12}{one.title} {one.name}"
        before, now = dict(leaves(plain(one.applied))), dict(leaves(plain(one.live)))
        for path in sorted(now if one.kind == "undeclared" else before.keys() | now.keys(), key=dotted):
            if one.kind == "undeclared":
                yield f"  {dotted(path)}: {value(now[path])}"
            elif one.kind == "changed" and before.get(path) != now.get(path):
                yield f"  {dotted(path)}: {moved(before.get(path), now.get(path))}"
    if found.controls:
        yield ""
        yield _("CONTROLS, BEFORE AND NOW")
        for change in found.controls:
            yield f"{change.control}: {_(STANDINGS[change.before][1])} -> {_(STANDINGS[change.now][1])}"
            yield from (f"  {finding.subject}: {finding.seen}" for finding in change.findings)
