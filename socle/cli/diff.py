"""`socle diff`: what differs between two stacks, or two revisions of one. Needs no cloud, no engine, no root."""

from __future__ import annotations

import json
import sys

import click

from socle.messages import _

DIFFERENT = 10


@click.command()
@click.argument("old", metavar="A")
@click.argument("new", metavar="[B]", required=False)
@click.option("--markdown", is_flag=True, help="Markdown for a merge request's comment")
@click.option("--json", "as_json", is_flag=True, help="JSON on standard output")
@click.option("--exit-code", is_flag=True, help="Exit with 10 when anything differs")
def diff(old: str, new: str | None, markdown: bool, as_json: bool, exit_code: bool) -> None:
    """Compare two stacks, or two revisions of one: intent, topology, flows, resources, verdict.

    A and B are each a stack's name or file, as it is, or as of a git revision: cnrs@main, cnrs@HEAD~3. Without B, the
    revision A is compared with the file as it is.
    """
    import os

    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for plugins reads every package installed
    if markdown and as_json:
        raise click.UsageError(_("one of: {words}").format(words="--markdown, --json"))
    from socle.sides import difference

    found = difference(old, new if new is not None else _as_it_is(old))
    if as_json:
        from socle.report.difference import document

        click.echo(json.dumps(document(found), indent=2, ensure_ascii=False))
    elif markdown:
        from socle.report.merge_request import text

        click.echo(text(found))
    else:
        from socle.report.difference import lines

        click.echo("\n".join(lines(found)))
    if exit_code and found:
        sys.exit(DIFFERENT)


def _as_it_is(argument: str) -> str:
    from socle.stack.revision import split

    name, revision = split(argument)
    if revision is None:
        raise click.UsageError(_("compared with what? a second stack, or a revision: {stack}@HEAD").format(stack=name))
    return name
