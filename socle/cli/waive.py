"""`socle waive`: a waiver written as it must be, into the file that the gate reads."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import click

from socle.messages import _


@click.command()
@click.argument("control")
@click.argument("scope", nargs=-1, required=True, metavar="STACK[/SUBJECT]...")
@click.option("--reason", required=True, help="Why it is accepted")
@click.option("--compensation", required=True, help="What makes up for it meanwhile")
@click.option("--owner", required=True, help="The function that will end it")
@click.option("--approver", required=True, help="The function that accepts the risk: not the owner")
@click.option("--until", required=True, type=click.DateTime(["%Y-%m-%d"]), help="Its last day")
@click.option(
    "--file", type=click.Path(path_type=Path, dir_okay=False), help="File to add it to (default: the stack's)"
)
def waive(
    control: str,
    scope: tuple[str, ...],
    reason: str,
    compensation: str,
    owner: str,
    approver: str,
    until: datetime,
    file: Path | None,
) -> None:
    """Write a waiver for a failed control: nothing that `check` would refuse. It is reviewed as any change."""
    import yaml

    from socle import content
    from socle.errors import InputError
    from socle.files import write_file
    from socle.policy.waiver import read
    from socle.stack.load import known_stacks
    from socle.stack.yaml_marks import document_of

    if until.date() <= date.today():
        raise InputError("SOC-3107", "the last day of a waiver is to come: {day}", day=until.date())
    place = file or content.search_path()[0] / "waivers" / f"{scope[0].partition('/')[0]}.yaml"
    row = {
        "control": control, "scope": list(scope), "reason": reason, "compensation": compensation, "owner": owner,
        "approver": approver, "expires": until.date(),
    }  # fmt: skip
    before = place.read_text(encoding="utf-8") if place.exists() else "waivers:\n"
    written = yaml.safe_dump([row], allow_unicode=True, sort_keys=False, width=100)
    after = before.rstrip("\n") + "\n" + "".join(f"  {line}\n" for line in written.splitlines())
    made = read(document_of(after.encode(), str(place)), list(known_stacks()))[-1]
    place.parent.mkdir(parents=True, exist_ok=True)
    write_file(place, after)
    click.echo(_("written: {file}").format(file=made.where))
