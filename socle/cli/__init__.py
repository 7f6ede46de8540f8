"""The command line. Each verb is a module of this package, imported only when it is called."""

from __future__ import annotations

import importlib
import os
import sys
from typing import NoReturn

import click

from socle import __version__
from socle.errors import SocleError
from socle.messages import _, language

# verb -> its line in `socle --help`; the module of the same name holds the command
VERBS: dict[str, str] = {
    "check": "Judge a stack before anything exists: no cloud, no engine, no root",
    "show": "Print what a stack becomes: nodes, networks, flows, volumes, names",
    "size": "Say how many nodes so many people need, without a stack file",
    "diff": "Compare two stacks, or two revisions of one",
    "plan": "Preview the cloud operations and save them as a plan file",
    "up": "Apply a plan, then configure the nodes",
    "verify": "Prove the service from outside: ports, TLS, real calls",
    "drift": "Tell what on the cloud differs from what was applied",
    "rotate": "Give a secret a new value while it is used",
    "drain": "Take a node out of service without cutting a call",
    "restore": "Bring the database back from its backups",
    "ssh": "Open a shell on a node, over the bastion",
    "report": "Write the dossier that a reviewer signs",
    "waive": "Write a waiver for a failed control",
    "evidence": "Evidence of runs: verify one offline, compare two",
    "down": "Destroy a stack's cloud resources",
    "cloud": "A live cloud: write its cloud file, or compare it with one",
    "images": "Container images: import, mirror, verify",
    "lab": "The embedded cloud: up, status, down",
    "rules": "List the rules and the controls they judge",
    "explain": "Say what an error code or a control means",
    "schema": "Write the JSON Schema of stack files, for editors",
}


class LazyVerbs(click.Group):
    """Knows the verbs by name; imports one when it runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return in_words(getattr(importlib.import_module(f"socle.cli.{cmd_name}"), cmd_name))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            from socle.stack.explain import suggestion

            ctx.fail(_("no such verb: {verb}. {hint}").format(verb=args[0], hint=suggestion(args[0], list(VERBS))))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section(_("Verbs")):
            formatter.write_dl([(name, _(text)) for name, text in VERBS.items()])


def in_words(command: click.Command) -> click.Command:
    """The command with its help in the user's language; commands declare theirs in English, once."""
    if language() != "en":
        import inspect

        command.help = _(inspect.cleandoc(command.help or ""))
        for option in command.params:
            if isinstance(option, click.Option) and option.help:
                option.help = _(option.help)
        for part in getattr(command, "commands", {}).values():
            in_words(part)
    return command


def teach_click() -> None:
    """click asks gettext for its own few words, which wants compiled files: it asks the catalogue instead."""
    if language() == "en":
        return
    import gettext

    for name, module in list(sys.modules.items()):
        if name.startswith("click.") and vars(module).get("_") is gettext.gettext:
            vars(module).update(_=_, ngettext=lambda one, many, count: _(one if count == 1 else many))


@click.group(cls=LazyVerbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="socle")
def cli() -> None:
    """Deploy Visio on a sovereign OpenStack cloud, and prove that it is hardened.

    STACK is a stack's name (a file of stacks/) or a file.
    """


def main() -> NoReturn:
    """Runs the command line; turns refusals into one clear error and an exit code by cause."""
    teach_click()
    try:
        code = in_words(cli).main(standalone_mode=False)  # of a verb that asked click to exit; None otherwise
    except SocleError as error:
        for line in error.lines():
            click.echo(line, err=True)
        if error.code not in ("SOC-0000",):
            click.echo(f"  socle explain {error.code}", err=True)
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo(_("stopped; nothing more was done"), err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        click.echo(_("interrupted"), err=True)
        sys.exit(130)
    except OSError as error:
        if os.environ.get("SOCLE_DEBUG"):
            raise
        click.echo(f"SOC-7001: {error.strerror or error}: {error.filename or ''}".rstrip(": "), err=True)
        sys.exit(7)
    except Exception as error:
        if os.environ.get("SOCLE_DEBUG"):
            raise
        click.echo(f"SOC-9001: {type(error).__name__}: {error}", err=True)
        click.echo("  " + _("this is a fault of the tool; SOCLE_DEBUG=1 shows where it happened"), err=True)
        sys.exit(1)
    sys.exit(code or 0)
