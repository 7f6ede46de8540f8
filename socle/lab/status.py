"""What the lab says of itself: what runs, how to reach it, and what it cannot show."""

from __future__ import annotations

import json
from typing import Any

from socle.lab import access, optional, up, wiring, world
from socle.messages import _

# The kernel is the host's, and instances share it.
CANNOT_SHOW = (
    "audit rules",
    "AppArmor",
    "steering of the clock",
    "kernel, vm and fs sysctl keys",
    "encryption at rest",
    "memory limits of units",
    "several regions",
    "a zone's own power, network and disks",
)


def seen() -> dict[str, Any]:
    """`state`: up, starting or down; services with their states; where an operator finds things."""
    running = bool(world.pid())
    services = up.service_states() if running else {}
    ready = running and up.running_and_ready()
    return {
        "state": "up" if ready else "starting" if running else "down",
        "groups": list(optional.remembered()) if running else [],
        "services": {name: bool(state.get("state") in ("ready", "done")) for name, state in services.items()},
        "access": str(wiring.ACCESS),
        "authority": str(access.CERTIFICATE),
        "names": {"server": str(wiring.wiring().services), "zones": list(wiring.DYNAMIC_ZONES)},
        "cannot_show": list(CANNOT_SHOW),
    }


def as_json() -> str:
    return json.dumps(seen(), indent=2)


def as_text() -> str:
    found = seen()
    lines = [_("lab: {state}").format(state=_(found["state"]))]
    waiting = [name for name, ready in found["services"].items() if not ready]
    if found["groups"]:
        lines.append(_("beside what every lab runs: {names}").format(names=", ".join(found["groups"])))
    if found["services"]:
        lines.append(
            _("services: {ready} of {all} ready").format(
                ready=len(found["services"]) - len(waiting), all=len(found["services"])
            )
        )
    if waiting:
        lines.append(_("not ready: {names}").format(names=", ".join(waiting)))
    if found["state"] != "down":
        lines.append(_("credentials for operators: {folder}").format(folder=found["access"]))
        lines.append(_("certificate authority, for a browser: {file}").format(file=found["authority"]))
        lines.append(_("name server of the stacks' domains: {server}").format(server=found["names"]["server"]))
    things = ", ".join(_(thing) for thing in CANNOT_SHOW)
    lines.append(_("what it cannot show, reported as unknown: {things}").format(things=things))
    return "\n".join(lines)
