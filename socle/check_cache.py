"""Remembers the answer of `socle check` under the digest of all that it depends on: nothing unchanged is redone.

The key covers every file of the stacks, the rules, the cloud program, the roles and the tool itself, the versions of
the packages, the command's options and today's date (waivers and qualifications expire). An answer that cannot be
read, whose own digest is wrong, or whose outside files moved, is no answer. One that was found while any of it moved
is given, and not kept.

A kept file has four lines: the digest of the next one, the conclusion, the digest of the next one, the findings. Most
callers read the first two.
"""

from __future__ import annotations

import hashlib
import json
import sys
import sysconfig
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from socle import content, fingerprint
from socle.paths import cache_dir

if TYPE_CHECKING:
    from socle.policy.finding import Assessment, Conclusion, Finding
    from socle.stack.cloud import Cloud

    Answer = TypeVar("Answer", bound=Conclusion)

STARTED = time.time()
RECENT = 1.0  # seconds: code saved that shortly before this process began may not be the code that it runs
APART = ("engine", "lab", "locale")  # rooms of the tool that have no part in a verdict
WRITTEN = (".yaml", ".yml")  # what people write into a folder of stacks


def remembered(argument: str, *, strict: bool) -> Assessment:
    """The assessment of a stack, from memory where nothing moved."""
    return Memory(strict=strict).assessment(argument)


class Memory:
    """The answers of one run of the command: what all stacks depend on is read once."""

    def __init__(self, *, strict: bool) -> None:
        self.strict = strict

    def assessment(self, argument: str) -> Assessment:
        return self._answer(argument, _recall)

    def conclusion(self, argument: str) -> Conclusion:
        """Without the findings, where they need not be read."""
        return self._answer(argument, _recall_conclusion)

    def _answer(self, argument: str, recalled: Callable[[str], Answer | None]) -> Answer | Assessment:
        file = _stack_file(argument)
        key = self._key(file, self._common) if file else None
        if key and (known := recalled(key)) is not None:
            return known
        from socle import assess
        from socle.stack import load_stack

        loaded = load_stack(argument)
        outside = _outside(loaded.cloud)  # before judging: what moves meanwhile is judged again
        result = assess.check_loaded(loaded, strict=self.strict)
        if file and key and self._key(file, _common()) == key and not _code_is_new():
            _keep(key, result, outside)
        return result

    @cached_property
    def _common(self) -> str:
        return _common()

    def _key(self, file: Path, common: str) -> str:
        beside = ""  # of a file that is named by its path: its neighbours are those of its own folder
        if file.parent not in content.search_path():
            beside = fingerprint.of([file, *file.parent.glob("*.yaml")])
        return hashlib.sha256(f"{common}\0{file}\0{self.strict}\0{beside}".encode()).hexdigest()


def _stack_file(argument: str) -> Path | None:
    """The stack's file, without loading the models; None leaves every complaint to the real loader."""
    if argument.endswith((".yaml", ".yml")) or "/" in argument:
        path = Path(argument)
        return path if path.is_file() else None
    places = (folder / f"{argument}.yaml" for folder in content.search_path())
    return next((path for path in places if path.is_file()), None)


def _common() -> str:
    """What the verdict on any stack depends on."""
    places = {sysconfig.get_paths()[kind] for kind in ("purelib", "platlib")}
    versions = sorted(path.name for place in places for path in Path(place).glob("*.dist-info"))
    given = [sys.version, *versions, str(Path.cwd()), date.today().isoformat()]
    stacks = [path for folder in content.search_path() for path in fingerprint.below(folder, suffixes=WRITTEN)]
    searched = [str(folder.resolve()) for folder in content.search_path()]
    return hashlib.sha256(json.dumps([*given, *searched, fingerprint.of([*stacks, *_code()])]).encode()).hexdigest()


def _code() -> list[Path]:
    package = Path(__file__).resolve().parent
    found = fingerprint.below(package, without=[package / room for room in APART])
    if own := content.own_policies():
        found += [own, *fingerprint.below(own)]
    for room in ("policies", "infra", "playbooks"):
        folder = content.folder(room)
        found += fingerprint.below(folder, without=[folder / room for room in APART])
    return found


def _code_is_new() -> bool:
    """Whether code was saved about when this process read it."""
    return any(path.stat().st_mtime > STARTED - RECENT for path in _code() if path.suffix == ".py")


def _outside(cloud: Cloud) -> dict[str, str]:
    """Files that the stack's cloud names elsewhere on the machine, and what they hold now."""
    issuer = cloud.certificates.issuer
    names = [cloud.release_overlay, cloud.ca_certificate, issuer.certificate if issuer else None]
    return {name: fingerprint.content(Path(name)) for name in names if name}


# --- kept files ------------------------------------------------------------------------------------------------------


def _place(key: str) -> Path:
    return cache_dir() / "check" / f"{key}.json"


def _keep(key: str, result: Assessment, outside: dict[str, str]) -> None:
    from socle.files import write_file

    conclusion = {name: value for name, value in vars(result).items() if name != "findings"}
    verdict = result.verdict
    groups = {name: _rows(getattr(verdict, name)) for name in ("blocking", "reported", "waived")}
    conclusion["verdict"] = {"go": verdict.go, **groups}
    parts = ({"outside": outside, "conclusion": conclusion}, _rows(result.findings))
    texts = [json.dumps(part, ensure_ascii=False, separators=(",", ":"), default=vars).encode() for part in parts]
    with suppress(OSError):  # a full or read-only cache costs time, never a verdict
        write_file(_place(key), b"".join(_seal(key, text) + b"\n" + text + b"\n" for text in texts), durable=False)


def _recall_conclusion(key: str) -> Conclusion | None:
    from socle.policy.finding import Conclusion

    found = _read(key, 1)
    return Conclusion(**found[0]) if found else None


def _recall(key: str) -> Assessment | None:
    from socle.policy.finding import Assessment

    found = _read(key, 2)
    return Assessment(**found[0], findings=found[1]) if found else None


def _read(key: str, parts: int) -> tuple[Any, ...] | None:
    """The fields of the conclusion, and the findings where two parts are asked for."""
    try:
        with _place(key).open("rb") as stream:
            texts = [_unsealed(key, stream.readline(), stream.readline()) for _ in range(parts)]
        head, *rest = map(json.loads, texts)
        if any(fingerprint.content(Path(name)) != held for name, held in head["outside"].items()):
            return None
        return _fields(head["conclusion"]), *map(_findings, rest)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _seal(key: str, text: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + text).hexdigest().encode()


def _unsealed(key: str, seal: bytes, text: bytes) -> bytes:
    if seal.rstrip(b"\n") != _seal(key, text := text.removesuffix(b"\n")):
        raise ValueError("not what was kept")
    return text


def _rows(findings: tuple[Finding, ...]) -> list[list[Any]]:
    """A finding's fields in their order: a third of the size of named ones, and of the time."""
    return [list(vars(finding).values()) for finding in findings]


def _findings(rows: list[list[Any]]) -> tuple[Finding, ...]:
    from socle.errors import Mark
    from socle.policy.finding import Finding
    from socle.policy.outcome import Status

    status = {one.value: one for one in Status}

    def finding(row: list[Any]) -> Finding:
        control, rule, phase, subject, said, seen, expected, settled_in, where, program, waiver, note = row
        return Finding(
            control,
            rule,
            phase,
            subject,
            status[said],
            seen,
            expected,
            settled_in,
            Mark(**where) if where else None,
            Mark(**program) if program else None,
            waiver,
            note,
        )

    return tuple(finding(row) for row in rows)


def _fields(data: dict[str, Any]) -> dict[str, Any]:
    from socle.policy.finding import Judgement, Tally, Unknown, Verdict

    verdict, tally = data["verdict"], data["tally"]
    groups = {name: _findings(verdict[name]) for name in ("blocking", "reported", "waived")}
    return {
        **data,
        "phases": tuple(data["phases"]),
        "tally": Tally(tally["statuses"], tally["controls"], tuple(Unknown(**one) for one in tally["unknowns"])),
        "judgements": tuple(Judgement(**judgement) for judgement in data["judgements"]),
        "verdict": Verdict(go=verdict["go"], **groups),
    }
