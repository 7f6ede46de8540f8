"""`socle explain`: what an error code or a control means, and what to do."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING

import click

from socle import content
from socle.errors import InputError
from socle.messages import _, language

if TYPE_CHECKING:
    from socle.policy.rule import Rule


@click.command()
@click.argument("code")
def explain(code: str) -> None:
    """Say what an error code (SOC-1103) or a control (NET-02) means, and what to do."""
    code = code.strip().upper()
    if code.startswith("SOC-"):
        click.echo("\n".join(_error(code)))
    else:
        click.echo("\n".join(_control(code)))


def _error(code: str) -> list[str]:
    from socle.codes import CODES

    found = CODES.get(code)
    if found is None:
        raise InputError("SOC-3005", _("no such code: {code}").format(code=code), hint=_likely(code, sorted(CODES)))
    return [*_wrapped(f"{code}: {_(found.meaning)}"), "", *_wrapped(_(found.remedy))]


def _control(code: str) -> list[str]:
    from socle.policy.catalogue import catalogue
    from socle.policy.outcome import PHASES
    from socle.policy.rule import rules

    book = catalogue()
    control = book.controls.get(code)
    if control is None:
        hint = _likely(code, list(book.controls))
        raise InputError("SOC-3005", _("no such control or code: {code}").format(code=code), hint=hint)
    judged = {one.phase: one for one in rules() if one.control == code}
    rows = {
        _("severity"): _(control.severity),
        _("owner"): {"C": _("customer"), "S": _("shared with the provider"), "P": _("provider")}[control.owner],
        _("judged in"): ", ".join(phase for phase in PHASES if phase in judged) or _("no phase yet: not assessed"),
        _("references"): ", ".join(control.references),
        _("check"): control.check,
        _("expected"): control.expected,
        _("note"): control.note,
        _("what to do"): control.remediation,
    }
    lines = [*_wrapped(f"{control.id}: {control.text(language())}"), ""]
    for name, text in rows.items():
        if text:
            lines += _wrapped(_("{name}: {text}").format(name=name, text=text))
    places = {phase: _place(judged[phase]) for phase in PHASES if phase in judged}
    width = max(map(len, places), default=0)
    return [*lines, "", *(f"{phase:{width}}  {place}" for phase, place in places.items())] if places else lines


def _place(rule: Rule) -> str:
    """Where the rule is written: what it takes for good and for bad is read there."""
    code = inspect.unwrap(rule.judge).__code__
    return f"{content.label(Path(code.co_filename))}:{code.co_firstlineno} {rule.name}"


def _likely(code: str, known: list[str]) -> str:
    """The nearest code; a list of a hundred helps nobody."""
    from socle.stack.explain import suggestion

    return suggestion(code, known).partition(_("one of: {words}").partition("{")[0])[0].strip()


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, 80, subsequent_indent="  ")
