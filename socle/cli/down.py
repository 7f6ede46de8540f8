"""`socle down`: everything the stack has in the cloud goes. Its name is typed, or given with --name."""

from __future__ import annotations

import click

from socle.messages import _


@click.command()
@click.argument("stack")
@click.option("--name", help="The stack's name once more, instead of typing it")
@click.option("--forget", is_flag=True, help="Delete the stack's secrets and state too")
@click.option("--break-lock", is_flag=True, help="Take the state's lock away from a run that is dead for certain")
def down(stack: str, name: str | None, forget: bool, break_lock: bool) -> None:
    """Destroy a stack's cloud resources, protected ones included."""
    from socle.cli.deployed import confirm_by_name
    from socle.paths import stack_dir
    from socle.stack import load_stack

    loaded = load_stack(stack)
    words = _("This destroys every resource of {stack} in {cloud}, data included.").format(
        stack=loaded.name, cloud=loaded.cloud.name
    )
    confirm_by_name(loaded, name, words, "down")

    from socle.cli.plan import case_of
    from socle.engine import flow, workspace

    case = case_of(stack, {})  # no rule may stand in the way of taking things away
    with workspace.alone(loaded, "down"):
        ready = flow.prepare(case, existence=False)
        count = flow.destroy(ready, break_lock=break_lock)
        if forget:
            flow.forget(ready)
    click.echo(
        _("destroyed: {count} resources; nothing of {stack} is left in the cloud").format(
            count=count, stack=loaded.name
        )
    )
    if not forget:
        click.echo(
            _("kept: secrets and state, in {folder} (--forget deletes them)").format(folder=stack_dir(loaded.name))
        )
