"""The plan file: what was previewed, from which facts. `up` applies it only while every fact still holds.

One JSON file, mode 0600, no secret in it (the engine's part holds ciphertext only). It is sealed with the passphrase of
the state, so that an edited plan is refused.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from socle import content
from socle.engine.operations import Operation
from socle.errors import InputError, PlanMoved
from socle.files import write_file
from socle.messages import _

FORMAT = "socle-plan/1"
CIPHERTEXT = "ciphertext"  # key of an encrypted value in the state; it may change without the value changing


@dataclass(frozen=True)
class Facts:
    """What a plan stands on. All are sha256, but for `cloud` (address, project, region) and `versions`."""

    stack: str
    program: str
    cloud: str
    state: str
    operations: str
    versions: Mapping[str, str]


@dataclass(frozen=True)
class Plan:
    """`engine_plan`: the engine's own plan file, as text. `replace`: names that may be replaced or deleted."""

    name: str
    made: str
    facts: Facts
    operations: tuple[Mapping[str, Any], ...]
    gate: Mapping[str, Any]
    replace: tuple[str, ...]
    engine_plan: str


def moved(then: Facts, now: Facts) -> list[str]:
    """What changed between plan and apply, in words; the causes before the effect."""
    words = {
        "stack": _("the stack, cloud or release file"),
        "program": _("the cloud program"),
        "cloud": _("the target cloud or project"),
        "versions": _("the versions of the engine"),
        "state": _("the recorded state: somebody applied something"),
        "operations": _("the operations: the cloud itself is no longer as previewed"),
    }
    return [text for name, text in words.items() if getattr(then, name) != getattr(now, name)]


def refuse_if_moved(then: Facts, now: Facts, but: Sequence[str] = ()) -> None:
    """Raises PlanMoved with one line per reason. `but`: facts that are not known yet."""
    if reasons := moved(then, replace(now, **{name: getattr(then, name) for name in but})):
        hint = "\n".join([*reasons[1:], _("nothing was changed; make a new plan and have it checked")])
        raise PlanMoved(
            "SOC-8101", _("the plan no longer holds, what moved: {what}").format(what=reasons[0]), hint=hint
        )


def recorded(found: Sequence[Operation]) -> tuple[dict[str, Any], ...]:
    """Operations as the plan file shows them. Inputs are only in the digest."""
    rows = ({"op": o.op, "type": o.type, "name": o.name, "urn": o.urn, "diffs": list(o.diffs)} for o in found)
    return tuple(row for row in rows if row["op"] != "same")


def state_digest(deployment: Mapping[str, Any]) -> str:
    """sha256 over what is recorded; the time it was written and the bytes of ciphertext are left out."""
    kept = {key: deployment.get(key) or [] for key in ("resources", "pending_operations")}
    return _sha(json.dumps(_without_ciphertext(kept), sort_keys=True))


def _without_ciphertext(value: Any) -> Any:
    if isinstance(value, dict):
        drop = {CIPHERTEXT, "created", "modified"}
        return {key: _without_ciphertext(item) for key, item in value.items() if key not in drop}
    return [_without_ciphertext(item) for item in value] if isinstance(value, list) else value


def program_digest() -> str:
    """sha256 over the sources that decide what is registered: infra/, and the model in socle."""
    package = Path(__file__).resolve().parent.parent
    infra = content.folder("infra")
    files = [file for file in infra.rglob("*") if file.suffix in (".py", ".yaml")]
    files = [file for file in files if not file.is_relative_to(infra / "engine")]
    for room in ("stack", "topology"):
        files += (package / room).rglob("*.py")
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()


def save(plan: Plan, file: Path, key: bytes) -> None:
    body = {"format": FORMAT, **asdict(plan)}
    text = json.dumps({**body, "seal": _seal(body, key)}, indent=1, ensure_ascii=False)
    write_file(file, text + "\n")


def load(file: Path, key: bytes) -> Plan:
    """Raises InputError for what is no plan, was edited, or was sealed with another passphrase."""
    try:
        body = json.loads(file.read_text())
        seal = body.pop("seal")
        if body.pop("format") != FORMAT:
            raise KeyError("format")
        plan = Plan(
            name=body["name"],
            made=body["made"],
            facts=Facts(**body["facts"]),
            operations=tuple(body["operations"]),
            gate=body["gate"],
            replace=tuple(body["replace"]),
            engine_plan=body["engine_plan"],
        )
    except OSError as error:
        raise InputError("SOC-1301", _("cannot read the plan: {file}").format(file=error.filename)) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise InputError("SOC-1302", _("not a plan of this version of Socle: {file}").format(file=file)) from None
    if not isinstance(seal, str) or not hmac.compare_digest(seal, _seal({"format": FORMAT, **body}, key)):
        hint = _("it was edited, or made with another passphrase; make a new one")
        raise InputError("SOC-1303", _("the plan's seal is broken: {file}").format(file=file), hint=hint)
    return plan


def _seal(body: Mapping[str, Any], key: bytes) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(hashlib.sha256(b"socle plan" + key).digest(), text, hashlib.sha256).hexdigest()


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
