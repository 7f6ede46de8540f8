"""`socle check`: the verdict on a stack before anything exists."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from socle.errors import GateRefused
from socle.messages import _

if TYPE_CHECKING:
    from socle.policy.finding import Assessment


@click.command()
@click.argument("stack")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON on standard output")
@click.option("--sarif", type=click.Path(path_type=Path, dir_okay=False), help="Write a SARIF 2.1.0 file")
@click.option("--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write a JUnit XML file")
@click.option("--gitlab", type=click.Path(path_type=Path, dir_okay=False), help="Write a GitLab code-quality file")
@click.option("--strict", is_flag=True, help="Medium and low controls block too")
@click.option("--second-opinion", is_flag=True, help="Ask checkov as well, which must be installed")
def check(
    stack: str,
    as_json: bool,
    sarif: Path | None,
    junit: Path | None,
    gitlab: Path | None,
    strict: bool,
    second_opinion: bool,
) -> None:
    """Judge a stack before anything exists: no cloud, no engine, no root."""
    import gc
    import os

    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for plugins reads every package installed
    gc.disable()  # a short process: collecting costs more than it frees
    from socle.check_cache import remembered

    result = remembered(stack, strict=strict)
    for file, writer in ((sarif, "sarif"), (junit, "junit"), (gitlab, "gitlab")):
        if file is not None:
            _write(file, writer, result)
    if as_json:
        click.echo(json.dumps(_plain(result), indent=2, ensure_ascii=False))
    else:
        from socle.report.terminal import lines

        click.echo("\n".join(lines(result, colour=_colour())))
    if second_opinion:
        _ask_checkov(stack)
    if not result.verdict.go:
        _refused(result)


def _plain(result: Assessment) -> dict[str, object]:
    return {
        "stack": result.stack,
        "go": result.verdict.go,
        "tool": result.tool,
        "day": result.day,
        "digest": result.digest,
        "phases": list(result.phases),
        "rules_run": result.rules_run,
        "controls": {j.control: {"standing": j.standing, **j.phases} for j in result.judgements},
        "findings": result.records(),
    }


def _write(file: Path, writer: str, result: Assessment) -> None:
    import importlib

    text: str = importlib.import_module(f"socle.report.{writer}").text(result)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    click.echo(_("written: {file}").format(file=file), err=True)


def _colour() -> bool:
    import os

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _refused(result: Assessment) -> NoReturn:
    """The findings were printed: one line is enough to say why the exit code is not 0."""
    controls = ", ".join(sorted({finding.control for finding in result.verdict.blocking}))
    raise GateRefused(
        "SOC-3001", _("the gate refuses this stack, controls failed: {controls}").format(controls=controls)
    )


def _ask_checkov(stack: str) -> None:
    from socle.policy.checkov_adapter import second_opinion

    click.echo("\n".join(second_opinion(stack)))
