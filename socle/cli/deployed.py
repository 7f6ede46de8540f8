"""What the verbs that work on a deployed stack begin with."""

from __future__ import annotations

from typing import Any

import click

from socle.errors import InputError, NodeError
from socle.messages import _
from socle.stack.load import LoadedStack
from socle.topology.model import Node, Topology


def outputs_of(loaded: LoadedStack) -> dict[str, Any]:
    """What the last `up` made. Raises NodeError when there is nothing."""
    from socle.engine import deploy, workspace
    from socle.paths import state_dir

    found: dict[str, Any] = {}
    if (state_dir() / loaded.name).is_dir():
        found = deploy.outputs(workspace.open_stack(loaded, credentials=False))
    if not found.get("nodes"):
        hint = _("first: socle up {stack}").format(stack=loaded.name)
        raise NodeError("SOC-8303", "nothing of this stack is deployed: {stack}", hint=hint, stack=loaded.name)
    return found


def node_of(topology: Topology, name: str) -> Node:
    """Raises InputError when the stack has no node of this name."""
    from socle.stack.explain import suggestion

    for node in topology.nodes:
        if node.name == name:
            return node
    hint = suggestion(name, [node.name for node in topology.nodes])
    raise InputError("SOC-2101", "no such node: {node}", hint=hint, node=name)


def confirm_by_name(loaded: LoadedStack, name: str | None, words: str, verb: str) -> None:
    """Before something is destroyed the stack's name is typed, or was given. Raises InputError for another name."""
    if name is None:
        click.echo(words, err=True)
        name = click.prompt(_("Type the stack's name to go on"), default="", show_default=False)
    if name != loaded.name:
        message = _("not the stack's name, nothing was destroyed: {name}").format(name=name)
        raise InputError("SOC-1304", message, hint=f"socle {verb} {loaded.name} --name {loaded.name}")
