"""Every sentence a person reads has its French one, with the same values in it, and no French one is without use.

The sentences are collected from where they are: literals given to `_()`, sentences of errors, help of the real click
commands, and the values that some calls of `_()` translate at run time, taken from the tables that hold them.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from inspect import cleandoc
from pathlib import Path
from typing import get_args

import click
import jinja2
import polib
import pytest
from jinja2 import nodes

from socle import cli, codes, messages
from socle.cli.show import PARTS, intent
from socle.cloudfile import differences, draft
from socle.compare import Kind, topology_values
from socle.engine import answers, command, inventory, operations, refusals, summary
from socle.graph import live
from socle.lab import status
from socle.policy.catalogue import SEVERITIES, catalogue
from socle.policy.proof import Bite
from socle.report.dossier import STANDINGS, TEMPLATES
from socle.stack import load_stack
from socle.stack.model import Environment
from socle.topology import derive
from socle.topology.matrix import MATRIX
from socle.topology.sizing.model import OUTLOOK
from socle.topology.sizing.tiers import LIMITS
from socle.topology.tiers import TIERS, Level
from tests.conftest import ROOT, STACKS

PACKAGE = ROOT / "socle"
ACTING = ("engine", "lab", "nodes", "probe")  # the rooms that touch a cloud, a machine or a node
FILES = {file.stem: polib.pofile(str(file)) for file in sorted((messages.LOCALE / "fr").glob("*.po"))}
FRENCH = {entry.msgid: entry.msgstr for file in FILES.values() for entry in file if not entry.fuzzy}
WORDS = re.compile("[A-Za-z]{2}")


@cache
def trees() -> dict[str, ast.Module]:
    files = sorted(PACKAGE.rglob("*.py"))
    return {file.relative_to(PACKAGE).as_posix(): ast.parse(file.read_text(encoding="utf-8")) for file in files}


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


@cache
def refusing() -> frozenset[str]:
    """Names of SocleError and of every class below it."""
    found: set[str] = {"SocleError"}
    classes = [node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := {c.name for c in classes if any(getattr(base, "id", "") in found for base in c.bases)} - found:
        found |= more
    return frozenset(found)


def literals(rooms: Iterable[str] | None = None) -> set[str]:
    """Given to `_()` in Python, and the sentences of errors (their second argument); `rooms`: folders of socle/."""
    found = set()
    for file, tree in trees().items():
        for name, node in calls(tree):
            position = 0 if name == "_" else 1 if name in refusing() else None
            if position is not None and len(node.args) > position and (rooms is None or file.split("/")[0] in rooms):
                found.add(literal(node.args[position]) or "")
    return found - {""}


def in_templates() -> Iterator[nodes.Expr]:
    """What their calls of `_()` are given."""
    for file in TEMPLATES.glob("*.j2"):
        for call in jinja2.Environment(autoescape=True).parse(file.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                yield call.args[0]


def in_dossier() -> set[str]:
    """Literals of the templates, and those that dossier.py itself gives to `say`."""
    said = (literal(node.args[0]) or "" for name, node in calls(trees()["report/dossier.py"]) if name == "say")
    return {given.value for given in in_templates() if isinstance(given, nodes.Const)} | set(said) - {""}


def dotted(node: nodes.Node) -> str:
    return f"{dotted(node.node)}.{node.attr}" if isinstance(node, nodes.Getattr) else getattr(node, "name", "?")


def heads() -> set[str]:
    topology = derive(load_stack("demo"))
    return {word for part in PARTS.values() for word in part(topology)[0]} | set(intent(load_stack("demo"))[0][:3])


def asked_of_loader() -> set[str]:
    """What `validate` calls the files it reads: `a stack file`."""
    named = [node for tree in trees().values() for name, node in calls(tree) if name == "validate"]
    return {literal(node.args[2]) or "" for node in named}


def of_differences() -> dict[str, Iterable[str]]:
    """Levels, what a topology calls its parts and values, and how a thing fares."""
    told = [key for stack in STACKS for key in topology_values(derive(load_stack(stack)))]
    levels = {literal(node.args[0]) or "" for name, node in calls(trees()["report/difference.py"]) if name == "_level"}
    return {
        "level": levels - {""},
        "one.part": {part for part, _subject, _key in told},
        "one.key": {key for _part, _subject, key in told},
        "kind": get_args(Kind),
        "group.kind": get_args(Kind),
    }


def lab_states() -> set[str]:
    tables = [node for node in ast.walk(trees()["lab/status.py"]) if isinstance(node, ast.Dict)]
    pairs = [pair for table in tables for pair in zip(table.keys, table.values, strict=True)]
    values = [value for key, value in pairs if key and literal(key) == "state"]
    return {
        word for value in values for node in ast.walk(value) if isinstance(node, ast.expr) and (word := literal(node))
    }


def help_pages() -> set[str]:
    """Of the real commands: their text and their options'."""

    def of(one: click.Command, context: click.Context) -> Iterator[str]:
        yield cleandoc(one.help or "")
        yield from (option.help or "" for option in one.params if isinstance(option, click.Option))
        if isinstance(one, click.Group):
            for name in one.list_commands(context):
                part = one.get_command(context, name)
                assert part
                yield from of(part, context)

    return {*of(cli.cli, click.Context(cli.cli)), *cli.VERBS.values()} - {""}


def of_click() -> set[str]:
    """What click itself may ask for."""
    found = {"required"}  # which it asks for by a variable
    for file in Path(click.__file__).parent.glob("*.py"):
        for name, node in calls(ast.parse(file.read_text(encoding="utf-8"))):
            if name in ("_", "ngettext"):
                found |= {word for one in node.args[:2] if (word := literal(one))}
    return found


@cache
def values() -> dict[str, Iterable[str]]:
    """Every call of `_()` with something else than a literal, and the values that it may get."""
    return {
        "cli/__init__.py: cleandoc(command.help or '')": help_pages(),
        "cli/__init__.py: option.help": help_pages(),
        "cli/__init__.py: text": help_pages(),
        "cli/__init__.py: one if count == 1 else many": (),  # click's own, see the test of the command line
        "cli/cloud.py: one.kind": get_args(differences.Kind),
        "cli/cloud.py: one.thing": differences.THINGS,
        "cli/cloud.py: what": draft.UNTOLD,
        "cli/drift.py: STANDINGS[change.before][1]": {words for _mark, words in STANDINGS.values()},
        "cli/evidence.py: STANDINGS[status][1]": {words for _mark, words in STANDINGS.values()},
        "cli/drift.py: STANDINGS[change.now][1]": {words for _mark, words in STANDINGS.values()},
        "cli/drift.py: one.kind": get_args(live.Kind),
        "cli/explain.py: control.severity": SEVERITIES,
        "cli/explain.py: found.meaning": {code.meaning for code in codes.CODES.values()},
        "cli/explain.py: found.remedy": {code.remedy for code in codes.CODES.values()},
        "cli/rules.py: c.severity": SEVERITIES,
        "cli/rules.py: one.bite.value": [bite.value for bite in Bite],
        "cli/show.py: f.why": {flow.why for flow in MATRIX},
        "cli/show.py: part": PARTS,
        "cli/show.py: t.level": get_args(Level),
        "cli/show.py: t.title": {tier.title for tier in TIERS.values()},
        "cli/show.py: word": heads(),
        "cli/size.py: LIMITS[one.limit]": LIMITS.values(),
        "cli/size.py: OUTLOOK[name]": OUTLOOK.values(),
        "engine/answers.py: remedy": {answers.OTHER[2], *(row[2] for row in answers.ANSWERS.values())},
        "engine/answers.py: sentence": {answers.OTHER[1], *(row[1] for row in answers.ANSWERS.values())},
        "engine/command.py: AGAIN": {command.AGAIN},
        "engine/deploy.py: kind": operations.KINDS.values(),
        "engine/inventory.py: self.kind": inventory.ORDER,
        "engine/refusals.py: sentence": {cause[3] for cause in refusals.CAUSES},
        "engine/summary.py: HEADS[kind]": summary.HEADS.values(),
        "engine/summary.py: HEADS[one.kind]": summary.HEADS.values(),
        "errors.py: message": (),  # what the raiser wrote, collected there
        "lab/status.py: found['state']": lab_states(),
        "lab/status.py: thing": status.CANNOT_SHOW,
        **{f"report/difference.py: {name}": words for name, words in of_differences().items()},
        **{f"report/merge_request.py: {name}": words for name, words in of_differences().items()},
        "report/difference.py: STANDINGS[standing][1]": {words for _mark, words in STANDINGS.values()},
        "report/terminal.py: row.severity": SEVERITIES,
        "stack/explain.py: what": asked_of_loader(),
        "dossier: STANDINGS[name][1]": {words for _mark, words in STANDINGS.values()},
        "dossier: flow.why": {flow.why for flow in MATRIX},
        "dossier: one.family": {one.family for one in catalogue().families},
        "dossier: row.control.severity": SEVERITIES,
        "dossier: stack.environment.value": {str(value) for value in Environment},
        "dossier: title": catalogue().sections.values(),
    }


def of_values(*beginnings: str) -> set[str]:
    return {word for name, words in values().items() if name.startswith(beginnings) for word in words if word}


@cache
def uses() -> dict[str, set[str]]:
    """File of the catalogue -> the sentences that it may hold."""
    acting = tuple(f"{room}/" for room in ACTING)
    return {
        "codes": of_values("cli/explain.py: found."),
        "dossier": in_dossier() | of_values("dossier:"),
        "help": help_pages() | of_click(),
        "deployment": literals(ACTING) | of_values(*acting),
        "terminal": literals() | of_values(""),
    }


def needed() -> set[str]:
    """click's own words are asked for one by one, by the test of the command line."""
    return {text for name, texts in uses().items() for text in texts if name != "help"} | help_pages()


def test_no_sentence_is_missing_in_french() -> None:
    missing = sorted(text for text in needed() if WORDS.search(text) and not FRENCH.get(text))
    assert not missing, "\n".join(str(polib.POEntry(msgid=text)) for text in missing)


def test_no_translation_is_left_over() -> None:
    assert set(FILES) == set(uses())
    left = {name: sorted({entry.msgid for entry in file} - uses()[name]) for name, file in FILES.items()}
    assert not any(left.values()), left


def test_each_sentence_has_one_french() -> None:
    twice = Counter(entry.msgid for file in FILES.values() for entry in file)
    assert not [text for text, count in twice.items() if count > 1]


def test_both_languages_carry_the_same_values() -> None:
    kept = re.compile(r"{[^}]*}|`[^`]*`|--[a-z-]+|\bSOCLE_[A-Z_]+")
    other = [one for one in FRENCH if sorted(kept.findall(one)) != sorted(kept.findall(FRENCH[one]))]
    assert not other


def test_every_translated_value_has_a_declared_source() -> None:
    """A new `_(variable)` says above where its values come from; an error's sentence is never built by hand."""
    found = set()
    for file, tree in trees().items():
        where = "dossier" if file == "report/dossier.py" else file
        for name, node in calls(tree):
            if name == ("say" if where == "dossier" else "_") and literal(node.args[0]) is None:
                found.add(f"{where}: {ast.unparse(node.args[0]).replace('inspect.', '')}")
            elif name in refusing() and len(node.args) > 1:
                assert not isinstance(node.args[1], ast.JoinedStr), f"{file}:{node.lineno}"
    found |= {f"dossier: {dotted(given)}" for given in in_templates() if not isinstance(given, nodes.Const)}
    assert found == set(values())


IMAGES = (["images", "import"], ["images", "mirror"], ["images", "verify"])
LINES = (
    *(
        [*verb, "--help"]
        for verb in ([], *([name] for name in cli.VERBS), ["cloud", "probe"], ["lab", "up"], ["lab", "down"], *IMAGES)
    ),
    ["nosuch"],
    ["check"],
    ["check", "--nosuch", "demo"],
    ["check", "--stric", "demo"],
    ["check", "demo", "twice"],
    ["check", "demo", "--sarif"],
    ["check", "demo", "--sarif", "."],
    ["check", "demo", "--strict=yes"],
    ["size"],
    ["size", "--seats", "x"],
    ["size", "--seats", "5000", "--recording"],
    ["report", "demo", "--lang", "de"],
    ["report", "demo", "--out", __file__],
    ["lab", "nosuch"],
    ["cloud", "probe", "lab", "--json"],
    ["cloud", "probe", "--compare", "lab", "--out", "x"],
)
ASK = """
import json, sys
from click.testing import CliRunner
from socle import cli, messages
missed, known = set(), messages._catalogue("fr")
class Asked(dict):
    def get(self, text, default):
        missed.update({text} - set(self))
        return super().get(text, default)
asked = Asked(known)
messages._catalogue = lambda code: asked
cli.teach_click()
cli.in_words(cli.cli)
for line in json.loads(sys.argv[1]):
    CliRunner().invoke(cli.cli, line)
print(json.dumps(sorted(missed - set(known.values()))))
"""


def test_the_command_line_asks_for_nothing_that_is_not_french() -> None:
    """Help of every verb and wrong command lines, click's own words included; in a process of its own, which speaks
    French for good."""
    command_line = [sys.executable, "-c", ASK, json.dumps(LINES)]
    done = subprocess.run(
        command_line, cwd=ROOT, env={**os.environ, "SOCLE_LANG": "fr"}, capture_output=True, text=True, check=True
    )
    assert not [text for text in json.loads(done.stdout) if WORDS.search(text)]


@pytest.mark.parametrize(
    ("given", "spoken"), [("fr_FR.UTF-8", "fr"), ("FR", "fr"), ("C.UTF-8", "en"), ("POSIX", "en"), ("xx", "xx")]
)
def test_the_language_is_the_environment_s(given: str, spoken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOCLE_LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", given)
    assert messages.language() == spoken
    assert messages._("Verdict") == "Verdict"
    assert messages._("Waivers") == ("Dérogations" if spoken == "fr" else "Waivers")
