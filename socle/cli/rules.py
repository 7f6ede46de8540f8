"""`socle rules`: which control is judged in which phase."""

from __future__ import annotations

import json

import click

from socle.messages import _


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
@click.option("--all", "everything", is_flag=True, help="Also the controls that no rule judges yet")
def rules(as_json: bool, everything: bool) -> None:
    """List the rules and the controls they judge, phase by phase."""
    from socle.messages import language
    from socle.policy.catalogue import catalogue
    from socle.policy.outcome import PHASES
    from socle.policy.rule import rules as registered
    from socle.table import table

    judged: dict[str, dict[str, str]] = {}
    for one in registered():
        judged.setdefault(one.control, {})[one.phase] = one.name
    controls = [c for c in catalogue().controls.values() if everything or c.id in judged]
    if as_json:
        rows = [{"control": c.id, "severity": c.severity, "rules": judged.get(c.id, {})} for c in controls]
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    head = (_("control"), _("severity"), *PHASES, _("requirement"))
    body = [
        (c.id, _(c.severity), *(_mark(c.phases, judged.get(c.id, {}), phase) for phase in PHASES), c.text(language()))
        for c in controls
    ]
    click.echo(table(head, body))
    total = sum(len(phases) for phases in judged.values())
    click.echo(
        "\n"
        + _("{rules} rules judge {controls} of {rows} controls").format(
            rules=total, controls=len(judged), rows=len(catalogue().controls)
        )
    )
    click.echo(_("yes: a rule judges it; -: judged there one day, not assessed now; blank: not judged in that phase"))


def _mark(phases: tuple[str, ...], rules_: dict[str, str], phase: str) -> str:
    if phase in rules_:
        return _("yes")
    return "-" if phase in phases else ""
