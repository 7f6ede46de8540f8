"""Every error code: what it means and what to do. `socle explain` and the documentation read this table."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    meaning: str
    remedy: str


CODES: dict[str, Code] = {}
