"""`socle restore`: the database becomes what it was, from its backups, when the stack's name was typed or given."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from socle.messages import _


@click.command()
@click.argument("stack")
@click.option(
    "--to", "moment", help="A moment with its time zone, e.g. 2026-11-26T05:00+01:00; else the latest there is"
)
@click.option("--name", help="The stack's name once more, instead of typing it")
def restore(stack: str, moment: str | None, name: str | None) -> None:
    """Bring the database of STACK back from its backups; what was written after that moment is destroyed."""
    from socle.cli.deployed import confirm_by_name, outputs_of
    from socle.engine import access, workspace
    from socle.engine.build import say
    from socle.nodes import run
    from socle.stack import load_stack
    from socle.topology import derive

    loaded = load_stack(stack)
    until = _moment(moment) if moment else None
    topology, made = derive(loaded), outputs_of(loaded)
    words = _("This destroys the database of {stack} as it is, and brings back that of: {moment}").format(
        stack=loaded.name, moment=until or _("the latest moment in its backups")
    )
    confirm_by_name(loaded, name, words, "restore")
    extra = {"restore_destroys": loaded.name, **({"restore_to": until} if until else {})}
    with workspace.alone(loaded, "restore"):
        done = run.play(loaded, topology, made, access.connect(loaded), "restore.yml", say, extra=extra)
    click.echo(_("restored, in {seconds} s; now: socle verify {stack}").format(
        seconds=round(done.seconds), stack=loaded.name
    ))  # fmt: skip


def _moment(text: str) -> str:
    """As PostgreSQL writes it. Raises InputError for what is no moment of the past, or has no time zone."""
    from socle.errors import InputError

    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or moment > datetime.now(UTC):
        raise InputError(
            "SOC-1306",
            "not a past moment with its time zone: {text}",
            hint=_("as in {example}").format(example="2026-11-26T05:00:00+01:00"),
            text=text,
        )
    return moment.isoformat(sep=" ")
