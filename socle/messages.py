"""Message catalogue: English sentences in the code, translations in the files of `socle/locale/<language>/`.

The language is the first of `SOCLE_LANG`, `LC_ALL`, `LC_MESSAGES`, `LANG` that is set.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

LOCALE = Path(__file__).parent / "locale"
SPACE = re.compile(r"(?<=«) | (?=[:;!?»])")  # of French typography: written plainly in the files, never broken


def language() -> str:
    """Two letters, lower case; `en` when nothing is said."""
    for name in ("SOCLE_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name):
            return value[:2].lower() if value[:1] not in "CP" else "en"
    return "en"


@cache
def _catalogue(code: str) -> dict[str, str]:
    files = [] if code == "en" else sorted((LOCALE / code).glob("*.po"))
    if not files:
        return {}
    import polib

    entries = (entry for file in files for entry in polib.pofile(str(file)) if entry.msgstr and not entry.fuzzy)
    return {entry.msgid: SPACE.sub("\u00a0", entry.msgstr) for entry in entries}


def _(text: str) -> str:
    """The sentence in the user's language; placeholders stay in braces, for `.format`."""
    return _catalogue(language()).get(text, text)


def in_language(text: str, code: str) -> str:
    """The sentence in a named language: a document's, whatever the terminal speaks."""
    return _catalogue(code).get(text, text)


def some(names: Sequence[str], most: int) -> list[str]:
    """The first names, and how many more there are."""
    rest = len(names) - most
    return list(names) if rest <= 0 else [*names[:most], _("and {count} more").format(count=rest)]
