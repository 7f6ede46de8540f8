"""`socle ssh`: a shell or a command on a node, over the bastion, with the stack's own key and pinned host keys."""

from __future__ import annotations

import os
import subprocess

import click

from socle.errors import NodeError
from socle.messages import _


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("stack")
@click.argument("node")
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def ssh(stack: str, node: str, command: tuple[str, ...]) -> None:
    """Open a shell on NODE of STACK, or run COMMAND there."""
    from socle.cli.deployed import node_of
    from socle.nodes import agent, vault
    from socle.paths import stack_dir
    from socle.stack import load_stack
    from socle.topology import derive

    topology = derive(load_stack(stack))
    node_of(topology, node)
    config = stack_dir(topology.stack) / "ssh_config"
    values = vault.read_vault(topology.stack)
    if "ssh_key" not in values or not config.exists():
        hint = _("first: socle up {stack}").format(stack=stack)
        raise NodeError("SOC-8303", "nothing of this stack is deployed: {stack}", hint=hint, stack=stack)
    with agent.session(values["ssh_key"]["private"], config) as session:
        words = ["ssh", "-F", str(session.config), node, *(["--", *command] if command else [])]
        done = subprocess.run(words, env={**os.environ, **session.environment}, check=False)
    raise click.exceptions.Exit(done.returncode)
