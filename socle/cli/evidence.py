"""`socle evidence`: what a run saw, verified offline, or compared with another run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from socle.messages import _

FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group()
def evidence() -> None:
    """Evidence of runs: verify one offline, compare two."""


@evidence.command()
@click.argument("folder", type=FOLDER)
@click.option("--key", type=click.Path(path_type=Path, dir_okay=False), help="Public key (PEM) of who must have signed")
def verify(folder: Path, key: Path | None) -> None:
    """Verify that a folder of evidence is as it was sealed. Asks nothing of any network.

    Without --key, a signature is verified with the key beside it: that says who signed, not that it was whom you trust.
    Exit code 6 when anything was changed, added or taken away, or the signature is not of the key.
    """
    from socle.evidence import seal

    sealed = seal.verified(folder, seal.public_key(key) if key else None)
    about = sealed.about
    click.echo(_("as it was sealed: {count} files, {stack}, {made}").format(
        count=len(sealed.files), stack=about.get("stack"), made=sealed.made))  # fmt: skip
    if sealed.signer is None:
        click.echo(_("nobody signed it"))
    elif key:
        click.echo(_("signed by: {signer}").format(signer=sealed.signer))
    else:
        click.echo(_("signed by: {signer}; whose key that is, only you know (--key)").format(signer=sealed.signer))


@evidence.command()
@click.argument("before", type=FOLDER)
@click.argument("after", type=FOLDER)
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
def compare(before: Path, after: Path, as_json: bool) -> None:
    """Tell what got better, worse, is new or is gone between two runs. Exit code 3 when something got worse."""
    from collections import Counter

    from socle.errors import GateRefused
    from socle.evidence.comparison import compared
    from socle.table import table

    found = compared(before, after)
    if as_json:
        click.echo(json.dumps([vars(one) for one in found], indent=2, ensure_ascii=False))
    elif found:
        head = (_("change"), _("rule"), _("subject"), _("before"), _("after"))
        kinds = {"worse": _("worse"), "better": _("better"), "new": _("new"), "gone": _("gone")}
        rows = [(kinds[one.kind], one.rule, one.subject, _word(one.before), _word(one.after)) for one in found]
        click.echo(table(head, rows))
    counts = Counter(one.kind for one in found)
    summary = _("worse: {worse}, better: {better}, new: {new}, gone: {gone}")
    click.echo(summary.format(**{kind: counts[kind] for kind in ("worse", "better", "new", "gone")}), err=as_json)
    if worse := [one for one in found if one.worsens]:
        raise GateRefused("SOC-3401", "something is worse than before, observations: {count}", count=len(worse))


def _word(status: str | None) -> str:
    from socle.report.dossier import STANDINGS

    return _(STANDINGS[status][1]) if status else "-"
