"""socle lab: the embedded cloud."""

from __future__ import annotations

import os
import shutil
import sys

import click

from socle.errors import MachineError
from socle.lab.apis import OPTIONAL
from socle.messages import _

GROUPS = tuple(api.group for api in OPTIONAL)
ALL = "all"
IDENTITY = "identity"  # the group of the provider that a stack's users log in at
KEPT = ("SOCLE_CACHE", "SOCLE_IMAGES", "SOCLE_LANG", "SOCLE_STACKS", "XDG_CACHE_HOME", "SOCLE_DEBUG")


def require_root() -> None:
    """Goes on as root: itself through sudo where that asks nothing or a terminal can answer; else SOC-6007."""
    if os.geteuid() == 0:
        return
    if not shutil.which("sudo"):
        raise MachineError(
            "SOC-6007", _("the lab needs root, and there is no sudo"), hint=_("run it as root: socle lab ...")
        )
    from socle.paths import cache_dir

    kept = [f"{name}={os.environ[name]}" for name in KEPT if name in os.environ]
    kept += [f"{name}={value}" for name, value in os.environ.items() if name.startswith("PIP_")]
    kept.append(f"SOCLE_CACHE={cache_dir()}")
    asking = [] if sys.stdin.isatty() else ["--non-interactive"]
    os.execvp(  # noqa: S606
        "sudo",
        [
            "sudo",
            *asking,
            "env",
            *kept,
            sys.executable,
            "-m",
            "socle",
            *sys.argv[1:],
        ],
    )


@click.group()
def lab() -> None:
    """The embedded cloud: a real OpenStack on this machine, in a root and namespaces of its own."""


@lab.command()
@click.option(
    "--with",
    "asked",
    multiple=True,
    type=click.Choice([*GROUPS, ALL]),
    help="Start these services as well; a lab that runs gets them beside what it has.",
)
@click.option(
    "--for", "stacks", multiple=True, metavar="STACK", help="Start the services that this stack uses; may be repeated."
)
def up(asked: tuple[str, ...], stacks: tuple[str, ...]) -> None:
    """Bring the lab up; may be repeated, and goes on where it was stopped."""
    require_root()
    wanted = {*GROUPS} if ALL in asked else {*asked}.union(*map(groups_of, stacks))
    from socle.lab import up as bring

    domains = [domain for stack in stacks if (domain := domain_of(stack))]
    bring.up(tuple(group for group in GROUPS if group in wanted), domains)


def groups_of(stack: str) -> frozenset[str]:
    """The groups of services that the stack uses. Raises InputError for a stack of another cloud."""
    from socle.errors import InputError
    from socle.stack import load_stack
    from socle.topology import derive, services

    loaded = load_stack(stack)
    if not loaded.cloud.embedded:
        raise InputError(
            "SOC-4221",
            "{stack} is not deployed into the embedded cloud but into: {cloud}",
            where=loaded.document.mark(("cloud",)),
            hint=_("name a stack whose cloud file says `embedded: true`"),
            stack=loaded.name,
            cloud=loaded.stack.cloud,
        )
    found = frozenset(GROUPS) & services.needed(loaded, derive(loaded))
    return found | {IDENTITY} if domain_of(stack) else found


def domain_of(stack: str) -> str | None:
    """Of a stack whose users log in at the lab's provider. Raises SOC-6024 for another issuer in the lab's domain."""
    from socle.errors import InputError
    from socle.lab import wiring
    from socle.lab.optional import identity
    from socle.stack import load_stack

    loaded = load_stack(stack)
    given, where = loaded.stack.identity, wiring.wiring()
    if given.provider != "oidc" or not identity.is_ours(given.issuer, where.domain):
        return None
    if (given.issuer or "").rstrip("/") != identity.issuer(where):
        raise InputError(
            "SOC-6024",
            "the lab's identity provider is not this one: {issuer}",
            where=loaded.document.mark(("identity", "issuer")),
            hint=identity.issuer(where),
            issuer=given.issuer,
        )
    return loaded.stack.domain


@lab.command()
@click.option("--keep-data", is_flag=True, help="Stop in order and keep instances, volumes and passwords.")
def down(keep_data: bool) -> None:
    """End the lab and delete its data; what was built stays in the cache."""
    require_root()
    from socle.lab import down as end

    end.down(keep_data=keep_data)


@lab.command()
@click.option("--json", "as_json", is_flag=True, help="Machine-readable.")
def status(as_json: bool) -> None:
    """Say what runs, and what the lab cannot show."""
    require_root()
    from socle.lab import status as state

    click.echo(state.as_json() if as_json else state.as_text())
