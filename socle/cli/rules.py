"""`socle rules`: which control is judged in which phase."""

from __future__ import annotations

import json

import click

from socle.messages import _


@click.command()
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
@click.option("--all", "everything", is_flag=True, help="Also the controls that no rule judges yet")
@click.option("--prove", metavar="STACK", help="See whether one's own rules bite, on this good stack")
def rules(as_json: bool, everything: bool, prove: str | None) -> None:
    """List the rules and the controls they judge, phase by phase."""
    if prove:
        _prove(prove)
        return
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


def _prove(stack: str) -> None:
    """A ministry's own rules before the laws that ours pass. Without any of its own: ours."""
    from socle import assess
    from socle.errors import InputError
    from socle.policy import proof
    from socle.policy.catalogue import catalogue
    from socle.policy.rule import own
    from socle.policy.rule import rules as registered
    from socle.table import table

    theirs = own()
    chosen = theirs or registered()
    _result, model = assess.report(stack)
    proofs = [proof.proof(one, model) for one in chosen]
    click.echo(table((_("rule"), ""), [(one.rule, _(one.bite.value)) for one in proofs]))
    # ours agree by chance where a small stack leaves much out: the laws of this repository try them on large ones
    bite = {one.rule for one in proofs if one.bite is proof.Bite.BITES}
    biting = [one for one in theirs if one.id in bite]
    trips = [proof.tripped(one, model, biting) for one in biting]
    told = [one.id for one in biting]
    mistakes = [f"{one.rule}: {_(one.bite.value)}" for one in proofs if one.bite in proof.MISTAKES]
    mistakes += [_("{rules}: always fail together").format(rules=", ".join(two)) for two in proof.agreeing(told, trips)]
    mistakes += [
        _("{control}: no rule judges it").format(control=one) for one in proof.unjudged(catalogue(), registered())
    ]
    if mistakes:
        raise InputError(
            "SOC-3007", _("rules that prove nothing: {count}").format(count=len(mistakes)), hint="\n".join(mistakes)
        )
