"""`socle check`: the verdict on a stack, or on many, before anything exists."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from socle.errors import GateRefused, InputError, SocleError
from socle.messages import _

if TYPE_CHECKING:
    from socle.policy.finding import Assessment, Conclusion

Answer = Callable[[str], "Assessment | Conclusion"]
COLLECTED = 50  # stacks between two looks for garbage: a capture leaves some megabytes of it
# option: the module of socle.report that writes it, and its help
FORMATS = {
    "sarif": ("sarif", "Write a SARIF 2.1.0 file"),
    "junit": ("junit", "Write a JUnit XML file"),
    "gitlab": ("gitlab", "Write a GitLab code-quality file"),
    "gitlab-sast": ("gitlab_sast", "Write a GitLab SAST file"),
    "oscal": ("oscal", "Write OSCAL assessment results"),
    "csv": ("table", "Write a CSV file, a line per finding"),
}


def _formats(command: Callable[..., None]) -> Callable[..., None]:
    kind = click.Path(path_type=Path, dir_okay=False)
    for option, (_module, words) in reversed(FORMATS.items()):
        command = click.option(f"--{option}", type=kind, help=words)(command)
    return command


@click.command()
@click.argument("stacks", metavar="STACK...", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every stack file of stacks/, or of the folder SOCLE_STACKS")
@click.option("--json", "as_json", is_flag=True, help="The findings as JSON on standard output")
@_formats
@click.option("--framework", multiple=True, metavar="NAME", help="Only controls that transpose it: SNC, secnumcloud")
@click.option("--owner", multiple=True, type=click.Choice(["customer", "shared", "provider"]), help="Only this party's")
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, file_okay=False),
    help="Evidence of an earlier run: what failed in it already blocks no more",
)
@click.option("--strict", is_flag=True, help="Medium and low controls block too")
@click.option("--watch", is_flag=True, help="Judge again whenever a file changes, until interrupted")
@click.option("--second-opinion", is_flag=True, help="Ask checkov as well, which must be installed")
def check(
    stacks: tuple[str, ...],
    every: bool,
    as_json: bool,
    framework: tuple[str, ...],
    owner: tuple[str, ...],
    baseline: Path | None,
    strict: bool,
    watch: bool,
    second_opinion: bool,
    **files: Path | None,
) -> None:
    """Judge stacks before anything exists: no cloud, no engine, no root.

    Of several, the exit code is the gravest: of what could not be judged, else 3 where the gate refuses one.
    """
    import gc
    import os

    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for plugins reads every package installed
    formats = [(file, module) for option, (module, _) in FORMATS.items() if (file := files[option.replace("-", "_")])]

    def judge() -> None:
        from socle.check_cache import Memory

        names = _names(stacks, every)  # each time: while it is watched, a folder gains files
        memory = Memory(strict=strict)
        answer: Answer = memory.assessment if formats or as_json else memory.conclusion
        if framework or owner or baseline:
            answer = _narrowed(memory.assessment, framework, owner, baseline, strict=strict)
        if len(names) == 1 and not every:
            _one(names[0], answer, formats, as_json=as_json, second_opinion=second_opinion)
        else:
            _many(names, answer, formats, as_json=as_json, second_opinion=second_opinion)

    if watch:
        _watch(stacks, judge)
    else:
        gc.disable()  # a short process: collecting costs more than it frees
        judge()


def _one(
    name: str, answer: Callable[[str], Any], formats: Sequence[tuple[Path, str]], *, as_json: bool, second_opinion: bool
) -> None:
    result = answer(name)
    _write(formats, [result])
    if as_json:
        from socle.report import plain

        _print_json(plain.answer(result))
    else:
        _print(result)
    if second_opinion:
        _ask_checkov(name)
    if not result.verdict.go:
        _refused(result)


def _many(
    names: Sequence[str], answer: Answer, formats: Sequence[tuple[Path, str]], *, as_json: bool, second_opinion: bool
) -> None:
    seen: list[Any] = list(_each(names, answer, quiet=as_json, second_opinion=second_opinion))
    judged = [one for one in seen if not isinstance(one, SocleError)]
    _write(formats, judged)
    if as_json:
        from socle.report import plain

        _print_json([plain.failure(name, one) if isinstance(one, SocleError) else plain.answer(one)
                     for name, one in zip(names, seen, strict=True)])  # fmt: skip
    else:
        click.echo("\n" + _sum(judged, [n for n, one in zip(names, seen, strict=True) if isinstance(one, SocleError)]))
    if gravest := _gravest(seen):
        sys.exit(gravest)  # each was told in its place: no error of its own is left to print


def _watch(names: Sequence[str], judge: Callable[[], None]) -> None:
    """A refusal or a mistake in a file is told, and the next change waited for. Ends with the interruption."""
    from contextlib import suppress

    from socle import content
    from socle.cli.watching import changes

    beside = [Path(name).parent for name in names if Path(name).is_file()]
    with suppress(KeyboardInterrupt):
        for _round in changes([*beside, *content.search_path()]):
            click.clear()  # nothing, where no terminal reads
            try:
                judge()
            except SocleError as error:
                click.echo("\n".join(error.lines()), err=True)
            except SystemExit:
                pass  # the exit code of several stacks: each was told in its place
            click.echo(_("waiting for a change; Ctrl-C ends"), err=True)


def _narrowed(
    answer: Callable[[str], Assessment],
    frameworks: Sequence[str],
    owners: Sequence[str],
    baseline: Path | None,
    *,
    strict: bool,
) -> Callable[[str], Assessment]:
    from socle.evidence.comparison import statuses
    from socle.policy.catalogue import catalogue
    from socle.policy.narrow import chosen, narrowed, since

    wanted = chosen(catalogue(), frameworks, owners)
    before = statuses(baseline) if baseline else {}
    return lambda name: since(narrowed(answer(name), wanted, strict=strict), before)


def _names(given: Sequence[str], every: bool) -> list[str]:
    """The stacks to judge. Raises click.UsageError for none, InputError where `--all` finds none."""
    if every == bool(given):
        raise click.UsageError(_("name stacks, or say --all"))
    if not every:
        return list(dict.fromkeys(given))
    from socle import content

    folder = content.search_path()[0]
    if found := sorted(file.stem for file in folder.glob("*.yaml")):
        return found
    raise InputError("SOC-1001", "no such file: {file}", file=folder / "*.yaml")


def _each(
    names: Sequence[str], answer: Answer, *, quiet: bool, second_opinion: bool
) -> Iterator[Assessment | Conclusion | SocleError]:
    """The verdict on each, printed as it comes; what stands in the way of one stops no other."""
    import gc

    for number, name in enumerate(names, start=1):
        try:
            result = answer(name)
            if not quiet:
                click.echo("\n" if number > 1 else "", nl=False)
                _print(result)
            if second_opinion:
                _ask_checkov(name)
        except SocleError as error:
            click.echo("\n".join(error.lines()), err=True)
            yield error
        else:
            yield result
        if number % COLLECTED == 0 and "socle.graph.recorder" in sys.modules:
            gc.collect()


def _sum(judged: Sequence[Conclusion], unread: Sequence[str]) -> str:
    refused = [one.stack for one in judged if not one.verdict.go]
    lines = [_("stacks: {count}; GO: {go}").format(count=len(judged) + len(unread), go=len(judged) - len(refused))]
    lines += [_("NO GO: {stacks}").format(stacks=", ".join(refused))] if refused else []
    lines += [_("not judged: {stacks}").format(stacks=", ".join(unread))] if unread else []
    return "\n".join(lines)


def _gravest(seen: Sequence[Conclusion | SocleError]) -> int:
    """What could not be judged is graver than a refusal, a fault of the tool graver than all."""
    errors = {one.exit_code for one in seen if isinstance(one, SocleError)}
    if errors:
        return 1 if 1 in errors else max(errors)
    refused = any(not one.verdict.go for one in seen if not isinstance(one, SocleError))
    return GateRefused.exit_code if refused else 0


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _print(result: Conclusion) -> None:
    from socle.report.terminal import lines

    click.echo("\n".join(lines(result, colour=_colour())))


def _write(formats: Sequence[tuple[Path, str]], results: Sequence[Any]) -> None:
    """Nothing, where nothing could be judged: an empty file would say that nothing was found."""
    import importlib

    for file, kind in formats if results else ():
        text: str = importlib.import_module(f"socle.report.{kind}").text(*results)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        click.echo(_("written: {file}").format(file=file), err=True)


def _colour() -> bool:
    import os

    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _refused(result: Conclusion) -> NoReturn:
    """The findings were printed: one line is enough to say why the exit code is not 0."""
    controls = ", ".join(sorted({finding.control for finding in result.verdict.blocking}))
    raise GateRefused(
        "SOC-3001", _("the gate refuses this stack, controls failed: {controls}").format(controls=controls)
    )


def _ask_checkov(stack: str) -> None:
    from socle.policy.checkov_adapter import second_opinion

    click.echo("\n".join(second_opinion(stack)))
