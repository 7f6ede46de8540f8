"""`socle rotate`: a secret gets a new value while it is used, and no call is cut for it."""

from __future__ import annotations

import click

from socle.messages import _


@click.command()
@click.argument("stack")
@click.argument("secret")
def rotate(stack: str, secret: str) -> None:
    """Give SECRET of STACK a new value; the one before is accepted until nobody needs it."""
    from datetime import UTC, datetime

    from socle.cli.deployed import outputs_of
    from socle.engine import access, workspace
    from socle.engine.build import say
    from socle.errors import InputError
    from socle.nodes import rotation, run, vault
    from socle.stack import load_stack
    from socle.stack.explain import suggestion
    from socle.topology import derive

    loaded = load_stack(stack)
    topology = derive(loaded)
    known = {one.name: one for one in topology.secrets if one.kind == "rotating"}
    if secret not in known:
        hint = suggestion(secret, list(known))
        raise InputError(
            "SOC-2102", "not a secret that is rotated while it is used: {secret}", hint=hint, secret=secret
        )
    made = outputs_of(loaded)
    first, *others = known[secret].tiers

    def play(*tiers: str) -> None:
        nodes = [node.name for tier in tiers for node in topology.tier(tier).nodes]
        run.play(loaded, topology, made, cloud, "site.yml", say, nodes)

    with workspace.alone(loaded, "rotate"):
        cloud = access.connect(loaded)
        vault.change(loaded.name, secret, lambda value: rotation.begun(value, vault.new_token, datetime.now(UTC)))
        play(first)
        vault.change(loaded.name, secret, lambda value: rotation.switched(value, datetime.now(UTC)))
        play(*others)
    until = vault.read_vault(loaded.name)[secret]["until"]
    click.echo(_("{secret}: new; the value before is accepted until {until}").format(secret=secret, until=until))
