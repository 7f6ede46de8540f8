"""Every sentence a person reads on the terminal has its French one, with the same values in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import polib
import pytest

from socle.cli import VERBS
from socle.messages import LOCALE
from tests.conftest import ROOT


def sentences() -> Iterator[str]:
    """Literals given to `_()`, and the sentences of errors (their second argument)."""
    yield from VERBS.values()
    for file in sorted((ROOT / "socle").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            position = 0 if name == "_" else 1 if re.search(r"(Error|Moved|Locked|Refused|Failed)$", name) else None
            if position is None or len(node.args) <= position:
                continue
            argument = node.args[position]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield argument.value


FRENCH = {entry.msgid: entry.msgstr for entry in polib.pofile(str(LOCALE / "fr.po"))}


@pytest.mark.xfail(reason="the French catalogue is not complete yet")
def test_no_sentence_is_missing_in_french() -> None:
    missing = sorted({text for text in sentences() if not FRENCH.get(text)})
    assert not missing, "\n".join(str(polib.POEntry(msgid=text)) for text in missing)


@pytest.mark.xfail(reason="the French catalogue is not complete yet")
def test_no_translation_is_left_over() -> None:
    assert set(FRENCH) <= set(sentences())


@pytest.mark.parametrize("english", sorted(FRENCH))
def test_both_languages_carry_the_same_values(english: str) -> None:
    values = re.compile(r"{[^}]*}")
    assert sorted(values.findall(english)) == sorted(values.findall(FRENCH[english]))
