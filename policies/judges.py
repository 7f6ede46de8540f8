"""Judgements that several rules share."""

from __future__ import annotations

from collections.abc import Mapping

from policies.formats import last, pairs
from socle.policy.model import File
from socle.policy.outcome import Outcome, failed, judged


def settings(file: File, wanted: Mapping[str, str], separator: str | None = None) -> Outcome:
    """A file of `key separator value` lines, of which the last of a key is in force."""
    if file.text is None:
        return failed("not rendered", wanted)
    found = pairs(file.text, separator)
    wrong = [
        f"{key} {last(found, key.lower()) or 'unset'}"
        for key, value in wanted.items()
        if last(found, key.lower()) != value
    ]
    return judged(not wrong, wrong or "as wanted", wanted)
