"""`socle drain`: a node takes nothing new, and stops what it runs when the last call, request or job has ended."""

from __future__ import annotations

import click

from socle.messages import _


@click.command()
@click.argument("stack")
@click.argument("nodes", nargs=-1, required=True, metavar="NODE...")
def drain(stack: str, nodes: tuple[str, ...]) -> None:
    """Take NODEs of STACK out of service, one after the other, without cutting a call. May wait for hours."""
    from socle import content
    from socle.cli.deployed import node_of, outputs_of
    from socle.engine import access, workspace
    from socle.engine.build import say
    from socle.errors import InputError
    from socle.nodes import run
    from socle.stack import load_stack
    from socle.topology import derive
    from socle.topology.tiers import role_of

    loaded = load_stack(stack)
    topology = derive(loaded)
    roles = content.folder("playbooks") / "roles"
    for name in nodes:
        tier = node_of(topology, name).tier
        if not (roles / role_of(tier) / "tasks" / "drain.yml").exists():
            raise InputError(
                "SOC-2103",
                "nothing to wait for on a node of the tier {tier}: {node}",
                hint=_("its clients go to another node by themselves: restart it, one of its tier at a time"),
                tier=tier,
                node=name,
            )
    made = outputs_of(loaded)
    with workspace.alone(loaded, "drain"):
        run.play(loaded, topology, made, access.connect(loaded), "drain.yml", say, nodes)
    click.echo(
        _("drained: {nodes}; back in service with: socle up {stack}").format(nodes=", ".join(nodes), stack=loaded.name)
    )
