"""Two runs beside each other: what got better, worse, is new, is gone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from socle.errors import InputError
from socle.evidence.seal import verified

FINDINGS = "findings.json"
# The worse, the higher; a failure that somebody waived is still one, but known.
RANKS = {"failed": 3, "waived": 2, "unknown": 1}
Kind = Literal["worse", "better", "new", "gone"]
Statuses = Mapping[tuple[str, str], Sequence[tuple[str, str]]]  # rule and subject -> what each said: status, seen


@dataclass(frozen=True)
class Change:
    """One observation, by its rule and its subject; `before` or `after` is None where it is new or gone."""

    kind: Kind
    rule: str
    subject: str
    before: str | None
    after: str | None
    seen: str

    @property
    def worsens(self) -> bool:
        """Also what is new and fails, or cannot be seen."""
        return self.kind == "worse" or (self.kind == "new" and self.after in RANKS)


def compared(before: Path, after: Path) -> tuple[Change, ...]:
    """Of two folders of evidence. Raises as `statuses`."""
    return tuple(_changes(statuses(before), statuses(after)))


def statuses(folder: Path) -> Statuses:
    """What a run said. Raises InputError where there are no readable findings, VerifyFailed where they are not as they
    were sealed."""
    verified(folder)
    file = folder / FINDINGS
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    try:
        rows = json.loads(file.read_bytes())
        if not isinstance(rows, list):
            raise TypeError(rows)
        for row in rows:
            status = "waived" if row["status"] == "failed" and row["waiver"] else str(row["status"])
            found.setdefault((str(row["rule"]), str(row["subject"])), []).append((status, str(row["seen"])))
    except OSError as error:
        raise InputError("SOC-8601", "no evidence here: {file}", file=error.filename) from None
    except (ValueError, KeyError, TypeError):
        raise InputError("SOC-8601", "not the findings of this version of Socle: {file}", file=file) from None
    return found


def _changes(before: Statuses, after: Statuses) -> Iterator[Change]:
    for rule, subject in sorted(before.keys() | after.keys()):
        old, new = (_worst(side.get((rule, subject))) for side in (before, after))
        if new is None:
            assert old
            yield Change("gone", rule, subject, old[0], None, old[1])
        elif old is None:
            yield Change("new", rule, subject, None, *new)
        elif old[0] != new[0] and (rank := RANKS.get(new[0], 0) - RANKS.get(old[0], 0)):
            yield Change("worse" if rank > 0 else "better", rule, subject, old[0], new[0], new[1])


def _worst(said: Sequence[tuple[str, str]] | None) -> tuple[str, str] | None:
    return max(said, key=lambda one: RANKS.get(one[0], 0)) if said else None
