"""`socle cloud`: what a live cloud offers, as a cloud file or compared with one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from socle.messages import _

if TYPE_CHECKING:
    from socle.cloudfile.differences import Difference
    from socle.cloudfile.draft import Draft
    from socle.cloudfile.model import LiveCloud
    from socle.stack.cloud import Cloud


Untold = Sequence[tuple[str, str]]


@click.group()
def cloud() -> None:
    """Clouds: what one offers, as the first version of its file, or compared with its file."""


@cloud.command()
@click.argument("entry", required=False)
@click.option(
    "--clouds",
    type=click.Path(dir_okay=False),
    help="The clouds.yaml that holds the entry (default: the OpenStack SDK's places)",
)
@click.option("--external", metavar="NAME", help="The external network, where the cloud has several")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write (default: standard output)")
@click.option("--replace", metavar="NAME", help="The name of --out once more: a file that is there is overwritten")
@click.option("--compare", metavar="NAME", help="Write nothing: tell how the cloud differs from this cloud's file")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output (with --compare)")
def probe(
    entry: str | None,
    clouds: str | None,
    external: str | None,
    out: Path | None,
    replace: str | None,
    compare: str | None,
    as_json: bool,
) -> None:
    """Write a first cloud file from what a live cloud tells a user of it.

    ENTRY is an entry of a clouds.yaml; without it, the variables OS_* of the environment say which cloud. What no API
    tells (qualification, prices, your own servers) is left out and marked: the file is refused until it is written.

    With --compare, ENTRY and --clouds are by default the file's own; exit code 10 when something of the file is missing
    or has changed.
    """
    from socle.cloudfile.draft import draft

    if compare is None:
        if as_json:
            raise click.UsageError(_("{option} goes with {other}").format(option="--json", other="--compare"))
        _refuse_overwriting(out, replace)
        _write(draft(_live(entry, clouds), external), out)
        return
    if out or external or replace:
        raise click.UsageError(_("{option} writes nothing: no {other}").format(
            option="--compare", other="--out, --external, --replace"
        ))  # fmt: skip
    from socle.stack.load import load_cloud

    written = load_cloud(compare)
    live = _live(entry or compare, clouds or written.credentials, written)
    _tell(written, draft(live), as_json=as_json)


def _live(entry: str | None, file: str | None, written: Cloud | None = None) -> LiveCloud:
    from socle.cloudfile.ask import ask
    from socle.cloudfile.model import Source
    from socle.engine.access import connect_entry

    file = str(Path(file).absolute()) if file else None
    connection = connect_entry(
        entry, file, written.ca_certificate if written else None, embedded=bool(written and written.embedded)
    )
    authority = connection.config.config.get("cacert")
    named = connection.config.name
    entry = None if named == "envvars" else str(named)
    source = Source(entry, file, str(Path(authority).absolute()) if authority else None)
    return ask(connection, source, written.region if written else None)


def _refuse_overwriting(out: Path | None, replace: str | None) -> None:
    """Before the cloud is asked. Raises InputError."""
    from socle.errors import InputError

    if out is None or replace in (out.name, str(out)) or not out.exists():
        return
    hint = _("to overwrite it, name it once more: --replace {name}").format(name=out.name)
    raise InputError("SOC-4244", "the file is there already, nothing was written: {file}", hint=hint, file=out)


def _write(made: Draft, out: Path | None) -> None:
    from socle.cloudfile.write import text

    if out is None:
        click.echo(text(made), nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text(made), encoding="utf-8")
        click.echo(_("written: {file}").format(file=out), err=True)
    if made.untold:
        click.echo(_kept_back(made.untold), err=True)
    click.echo(_("left to write, as no API tells it: {keys}").format(keys=", ".join(made.missing)), err=True)


def _tell(written: Cloud, seen: Draft, *, as_json: bool) -> None:
    """Raises Drifted."""
    from socle.cloudfile.differences import differences
    from socle.errors import Drifted, visible

    found = differences(written, seen.live)
    shown = map(visible, _lines(found, seen.untold))  # names and values are the cloud's
    click.echo(_json(found, seen.untold) if as_json else "\n".join(shown))
    if found:
        message = _("the cloud is not as its file says, differences: {count}").format(count=len(found))
        hint = _("correct the cloud file, then see what `socle plan` makes of it")
        raise Drifted("SOC-4245", message, hint=hint)


def _json(found: Sequence[Difference], untold: Untold) -> str:
    from dataclasses import asdict

    kept = [what.format(service=service) for what, service in untold]
    document: dict[str, Any] = {"differences": [asdict(one) for one in found], "untold": kept}
    return json.dumps(document, indent=2, ensure_ascii=False)


def _lines(found: Sequence[Difference], untold: Untold) -> Iterator[str]:
    from socle.report.difference import moved

    if not found:
        yield _("no difference: the cloud is as its file says")
    for one in found:
        yield f"{_(one.kind):12}{_(one.thing)} {one.name}" + (f" ({one.why})" if one.why else "")
        for key in one.file:
            yield f"  {key}: {moved(one.file[key], one.live[key])}"
    if untold:
        yield _kept_back(untold)


def _kept_back(untold: Untold) -> str:
    words = ", ".join(_(what).format(service=service) for what, service in untold)
    return _("the cloud does not tell this user: {what}").format(what=words)
