"""Remembers the answer of `socle check` under the digest of all that it depends on: nothing unchanged is redone.

The key covers every file of the stacks, the rules, the cloud program, the roles and the tool itself, the versions of
the packages, the command's options and today's date (waivers and qualifications expire). An answer that cannot be
read, whose own digest is wrong, or whose outside files moved, is no answer.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import sysconfig
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socle import content
from socle.paths import cache_dir

if TYPE_CHECKING:
    from socle.policy.finding import Assessment
    from socle.stack.cloud import Cloud

SKIPPED = {"__pycache__", ".git", "engine", "lab", "locale"}  # what has no part in a verdict
SUFFIXES = {".py", ".yaml", ".yml", ".j2", ".json", ".cfg", ".conf", ".toml", ""}


def remembered(argument: str, *, strict: bool) -> Assessment:
    """The assessment of a stack, from memory where nothing moved."""
    file = _stack_file(argument)
    key = _key(file, strict) if file else None
    if key and (known := _recall(key)) is not None:
        return known
    from socle import assess
    from socle.stack import load_stack

    loaded = load_stack(argument)
    outside = _outside(loaded.cloud)  # before judging: what moves meanwhile is judged again
    result = assess.check_loaded(loaded, strict=strict)
    if key:
        _keep(key, result, outside)
    return result


def _stack_file(argument: str) -> Path | None:
    """The stack's file, without loading the models; None leaves every complaint to the real loader."""
    if argument.endswith((".yaml", ".yml")) or "/" in argument:
        path = Path(argument)
        return path if path.is_file() else None
    places = (folder / f"{argument}.yaml" for folder in content.search_path())
    return next((path for path in places if path.is_file()), None)


def _key(file: Path, strict: bool) -> str:
    total = hashlib.sha256()
    site = Path(sysconfig.get_paths()["purelib"])
    versions = sorted(path.name for path in site.iterdir() if path.suffix == ".dist-info")
    given = [sys.version, *versions, str(Path.cwd()), str(file), str(strict), date.today().isoformat()]
    total.update(json.dumps(given).encode())
    package = Path(__file__).resolve().parent
    folders = [*content.search_path(), *(content.folder(room) for room in ("policies", "infra", "playbooks")), package]
    for path in sorted({file.resolve(), *(found for folder in folders for found in _files(folder.resolve()))}):
        total.update(f"{path}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _files(folder: Path) -> list[Path]:
    found: list[Path] = []
    for base, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        found += [Path(base, name) for name in names if os.path.splitext(name)[1] in SUFFIXES]  # noqa: PTH122  quicker
    return found


def _outside(cloud: Cloud) -> dict[str, str | None]:
    """Files that the stack's cloud names elsewhere on the machine, and what they hold now."""
    issuer = cloud.certificates.issuer
    names = [cloud.release_overlay, cloud.ca_certificate, issuer.certificate if issuer else None]
    return {name: _content(name) for name in names if name}


def _content(name: str) -> str | None:
    try:
        return hashlib.sha256(Path(name).read_bytes()).hexdigest()
    except OSError:
        return None


def _place(key: str) -> Path:
    return cache_dir() / "check" / f"{key}.json"


def _recall(key: str) -> Assessment | None:
    try:
        seal, _, text = _place(key).read_text(encoding="utf-8").partition("\n")
        if seal != _seal(key, text):
            return None
        data = json.loads(text)
        if any(_content(name) != held for name, held in data["outside"].items()):
            return None
        return _assessment(data["assessment"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(key: str, result: Assessment, outside: dict[str, str | None]) -> None:
    from socle.files import write_file

    text = json.dumps({"assessment": vars(result), "outside": outside}, ensure_ascii=False, default=vars)
    place = _place(key)
    with suppress(OSError):  # a full or read-only cache costs time, never a verdict
        write_file(place, f"{_seal(key, text)}\n{text}", durable=False)


def _seal(key: str, text: str) -> str:
    return hashlib.sha256(f"{key}\0{text}".encode()).hexdigest()


def _assessment(data: dict[str, Any]) -> Assessment:
    from socle.policy.finding import Assessment, Judgement, Verdict, finding_of

    verdict = data["verdict"]
    groups = {name: tuple(finding_of(f) for f in verdict[name]) for name in ("blocking", "reported", "waived")}
    return Assessment(
        **{
            **data,
            "phases": tuple(data["phases"]),
            "findings": tuple(finding_of(f) for f in data["findings"]),
            "judgements": tuple(Judgement(**judgement) for judgement in data["judgements"]),
            "verdict": Verdict(go=verdict["go"], **groups),
            "unused_waivers": tuple(data["unused_waivers"]),
        }
    )
