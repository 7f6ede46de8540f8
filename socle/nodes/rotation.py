"""A secret that is rotated while it is used: its next value is accepted first, then used, and the one before stays
accepted until nobody holds what was made of it.

In the vault it is `{current, other, until}`. `other` is accepted as well, where there is one: the next value while
`until` is empty, else the one before, until that moment (ISO 8601).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from socle.errors import NodeError
from socle.messages import _
from socle.topology.secrets import TURN_LIFETIME


def current_or_new(value: Any, new: Callable[[], str], now: datetime) -> dict[str, str]:
    """The value as it is; without `other` where nobody needs that any more."""
    if not value:
        return {"current": new(), "other": "", "until": ""}
    over = value["until"] and datetime.fromisoformat(value["until"]) <= now
    return {**value, "other": "", "until": ""} if over else dict(value)


def begun(value: Any, new: Callable[[], str], now: datetime) -> dict[str, str]:
    """With a next value beside it; one that an interrupted rotation made is kept. Raises NodeError while the one before
    is still needed."""
    value = current_or_new(value, new, now)
    if value["until"]:
        raise NodeError(
            "SOC-5216",
            "the value before this one is accepted until {until}",
            hint=_("then it can be rotated again; one that was interrupted is finished by: socle up"),
            until=value["until"],
        )
    return {**value, "other": value["other"] or new()}


def switched(value: Any, now: datetime) -> dict[str, str]:
    """The next value is used, and the one before is accepted as long as what was made of it is good."""
    until = (now + timedelta(seconds=TURN_LIFETIME)).isoformat(timespec="seconds")
    return {"current": value["other"], "other": value["current"], "until": until}
