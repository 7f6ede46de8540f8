"""`socle report`: the dossier that a reviewer signs."""

from __future__ import annotations

from pathlib import Path

import click

from socle.messages import _


@click.command()
@click.argument("stack")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("dossier"), show_default=True,
    help="Folder to write",
)  # fmt: skip
@click.option("--lang", type=click.Choice(["fr", "en"]), default="fr", show_default=True, help="Language of the page")
@click.option(
    "--sign", type=click.Path(path_type=Path, dir_okay=False), help="Private Ed25519 key (PEM) that signs the evidence"
)
@click.option("--live/--no-live", default=None, help="Ask the cloud's API too (default: when the stack is deployed)")
def report(stack: str, out: Path, lang: str, sign: Path | None, live: bool | None) -> None:
    """Write the dossier that a reviewer signs: one page, offline, with its evidence."""
    from socle import assess
    from socle.evidence.seal import private_key
    from socle.live import refresh
    from socle.report import dossier
    from socle.stack import load_stack

    key = private_key(sign) if sign else None
    refresh(load_stack(stack), wanted=live, say=lambda text: click.echo(text, err=True))
    result, model = assess.report(stack)
    page = dossier.write(out, result, model, language=lang, key=key)
    verdict = _("GO") if result.verdict.go else _("NO GO")
    click.echo(
        _("{verdict}: {rules} rules, {findings} observations, phases: {phases}").format(
            verdict=verdict, rules=result.rules_run, findings=len(result.findings), phases=", ".join(result.phases)
        )
    )
    click.echo(_("written: {file}").format(file=page))
