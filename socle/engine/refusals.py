"""The engine's own words turned into one clear error, by cause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pulumi.automation import errors

from socle.errors import CloudError, EngineError, MachineError, PlanMoved, SocleError, StateLocked
from socle.messages import _

SHOWN = 6  # lines of the engine's own words
NOISE = re.compile(
    r"occurred:$|helper_schema|(update|preview) failed$|expected resource operations for .* but none were seen"
)

# What the text contains -> the error. The first that fits.
CAUSES: tuple[tuple[str, type[SocleError], str, str], ...] = (
    ("no space left on device", MachineError, "SOC-7103", "the disk that keeps the state is full"),
    ("incorrect passphrase", MachineError, "SOC-7104", "the passphrase does not open this state"),
    ("violates plan|not allowed by the plan", PlanMoved, "SOC-8102", "the engine refused what the plan does not have"),
    ("inline source runtime error", EngineError, "SOC-7207", "the cloud program failed"),
    ("quota[^\n]*exceeded|exceeded[^\n]*quota|overquota", CloudError, "SOC-4105", "the cloud's quota is used up"),
    (
        "unauthorized|requires authentication|to authenticate",
        CloudError,
        "SOC-4103",
        "the cloud refuses the credentials",
    ),
    (
        "connection refused|no route to host|i/o timeout|no such host|unable to connect",
        CloudError,
        "SOC-4102",
        "the cloud cannot be reached",
    ),
)


@contextmanager
def engine_errors(said: Sequence[str] = ()) -> Iterator[None]:
    """Around every call of the engine. `said`: the error messages of its events, clearer than its output."""
    try:
        yield
    except errors.ConcurrentUpdateError as error:
        held = [line.strip() for line in str(error).splitlines() if "created by" in line]
        raise StateLocked("SOC-9102", _("the state is locked"), hint="\n".join(held)) from None
    except (errors.CommandError, RuntimeError) as error:
        raise translated(str(error), said) from None


def translated(text: str, said: Sequence[str] = ()) -> SocleError:
    """`text`: all that the engine printed."""
    everything = "\n".join([*said, text]).lower()
    for pattern, kind, code, sentence in CAUSES:
        if re.search(pattern, everything):
            words = _exception(text) if code == "SOC-7207" else _own_words(text, said)
            return kind(code, _(sentence), hint=words)
    return CloudError("SOC-4106", _("the engine stopped: an operation failed"), hint=_own_words(text, said))


def _own_words(text: str, said: Sequence[str]) -> str:
    lines = [line.strip() for message in said for line in message.splitlines()]
    lines = [line for line in lines if line and not NOISE.search(line)]
    lines = lines or [line.strip() for line in text.splitlines() if "error:" in line]
    return "\n".join(list(dict.fromkeys(line[:300] for line in lines))[:SHOWN])


def _exception(text: str) -> str:
    """The last line of a traceback."""
    found = re.findall(r"^\s*((?:\w+\.)*\w*(?:Error|Exception)\b.*)$", text, re.MULTILINE)
    return str(found[-1])[:300] if found else ""
