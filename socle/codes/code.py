"""One error code: what it means and what to do, and remedies that several share."""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    meaning: str
    remedy: str


MEND = "Mend the place that the error names (file:line:column) and run the command again."
ARCHIVE = "Take the archive again from where it was made, with its checksum."
