"""The controls: what each one asks, how severe, from which document. Read from policies/controls.yaml.

The YAML is large (4,000 lines), so its JSON form is kept in the cache under the digest of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from socle import content
from socle.errors import InputError, Mark
from socle.files import write_file
from socle.paths import cache_dir

Severity = Literal["critical", "high", "medium", "low", "info"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low", "info")
OWNERS = ("C", "S", "P")


@dataclass(frozen=True)
class Control:
    """One row. `phases`: where it can be judged, `process` being a statement that people sign."""

    id: str
    section: str
    requirement: str
    french: str
    references: tuple[str, ...]
    phases: tuple[str, ...]
    check: str
    expected: str
    severity: Severity
    owner: str
    note: str = ""
    remediation: str = ""

    @property
    def blocking(self) -> bool:
        return self.severity in ("critical", "high")

    def text(self, language: str) -> str:
        return self.french if language == "fr" and self.french else self.requirement


@dataclass(frozen=True)
class Family:
    """A family of requirements that only people can meet."""

    family: str
    requirements: str
    collect: str
    french: str = ""


@dataclass(frozen=True)
class Catalogue:
    name: str
    sections: Mapping[str, str]
    documents: Mapping[str, str]
    controls: Mapping[str, Control]
    families: tuple[Family, ...]

    def __getitem__(self, control: str) -> Control:
        return self.controls[control]


@cache
def catalogue() -> Catalogue:
    """Ours, and a ministry's own. Raises InputError on a row that misses something, or is written twice."""
    file = content.folder("policies") / "controls.yaml"
    data = _read(file)
    controls = _controls(data["controls"], file)
    if own := content.own_policies():
        file = own / "controls.yaml"
        if not file.is_file():
            raise InputError("SOC-1001", "no such file: {file}", file=file)
        controls |= _controls(_read(file).get("controls") or [], file, known=controls)
    return Catalogue(
        data["catalogue"]["name"],
        data["sections"],
        {key: entry["title"] for key, entry in data["documents"].items()},
        controls,
        tuple(
            Family(item["family"], item["requirements"], item["collect"], item.get("fr", ""))
            for item in data["process_only"]
        ),
    )


def _read(file: Path) -> dict[str, Any]:
    raw = file.read_bytes()
    kept = cache_dir() / f"controls-{hashlib.sha256(raw).hexdigest()[:16]}.json"
    try:
        data: dict[str, Any] = json.loads(kept.read_bytes())
    except (OSError, ValueError):
        import yaml

        data = yaml.load(raw, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  both loaders are safe
        with suppress(OSError):  # a cache that cannot be written costs time, never a verdict
            write_file(kept, json.dumps(data, default=str), durable=False)
    return data


def _controls(rows: list[dict[str, Any]], file: Path, known: Collection[str] = ()) -> dict[str, Control]:
    controls: dict[str, Control] = {}
    name = content.label(file)
    for row in rows:
        try:
            control = _control(row)
        except KeyError as error:
            raise InputError(
                "SOC-3004",
                "control {control} misses: {key}",
                where=Mark(name),
                control=row.get("id", "?"),
                key=error,
            ) from None
        if control.id in controls or control.id in known:
            raise InputError("SOC-3004", "control written twice: {control}", where=Mark(name), control=control.id)
        if control.severity not in SEVERITIES or control.owner not in OWNERS:
            raise InputError(
                "SOC-3004",
                "unknown severity or owner of control: {control}",
                where=Mark(name),
                control=control.id,
            )
        controls[control.id] = control
    return controls


def _control(row: dict[str, Any]) -> Control:
    return Control(
        id=row["id"],
        section=row["section"],
        requirement=row["requirement"],
        french=row.get("fr", ""),
        references=tuple(row["references"]),
        phases=tuple(row["phase"]),
        check=row["check"],
        expected=row["expected"],
        severity=row["severity"],
        owner=row["owner"],
        note=row.get("note", ""),
        remediation=row.get("remediation", ""),
    )
