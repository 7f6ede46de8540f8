"""A client of the bus as LiveKit is one: asks the Sentinels who leads, and writes there, without end.

It runs on a media node, from what LiveKit's configuration says there, with Python's own library. Its test sends it with
the functions of the module `valkey_leader`, and calls `watch`.
"""

from __future__ import annotations

import json
import re
import ssl
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PAUSE = 0.2  # seconds between two writes
Ask = Callable[..., Any]  # address, port, trust, (user, password), words -> the answer


def settings() -> dict[str, Any]:
    """LiveKit's own, of the bus."""
    text = Path("/etc/livekit/livekit.yaml").read_text(encoding="utf-8")
    redis = text[text.index("\nredis:") :]
    found: dict[str, Any] = dict(re.findall(r"(?m)^  (\w+): (\S+)$", redis))
    found["sentinels"] = [(host, int(port)) for host, port in re.findall(r"(?m)^    - ([\d.]+):(\d+)$", redis)]
    return found


def written(ask: Ask, refused: type[Exception], own: dict[str, Any], trust: ssl.SSLContext) -> str:
    """The leader that took one write; '' when nobody did."""
    question = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", own["sentinel_master_name"])
    for host, port in own["sentinels"]:
        try:
            leader, at = ask(host, port, trust, (own["sentinel_username"], own["sentinel_password"]), question)
            login = (own["username"], own["password"])
            return leader if ask(leader, int(at), trust, login, ("SET", "written", "1")) == "OK" else ""
        except (OSError, refused):
            continue  # the next one may know better
    return ""


def watch(ask: Ask, refused: type[Exception]) -> None:
    """A line of JSON for each write that was taken: `{leader, gap}`, seconds since the one before. Ends when nobody
    reads it any more."""
    own, trust = settings(), ssl.create_default_context(cafile="/etc/livekit/bus-ca.pem")
    last = time.monotonic()
    while True:
        if leader := written(ask, refused, own, trust):
            now = time.monotonic()
            sys.stdout.write(json.dumps({"leader": leader, "gap": now - last}) + "\n")
            sys.stdout.flush()
            last = now
        time.sleep(PAUSE)
