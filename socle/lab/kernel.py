"""Settings of the host's own kernel that the lab needs while it runs; `down` puts back what was there."""

from __future__ import annotations

import json
from pathlib import Path

from socle.lab import wiring

BEFORE = wiring.HOME / "kernel.json"  # what the host had of what was raised

# The host routes to the lab. Each instance's systemd holds some inotify instances, and all count for one user.
LEAST = {"net/ipv4/ip_forward": 1, "fs/inotify/max_user_instances": 4096, "fs/inotify/max_user_watches": 524_288}


def raise_settings(where: Path = Path("/proc/sys")) -> None:
    """What is below the least; what was raised before is not taken for the host's own."""
    was = {name: int((where / name).read_text()) for name in LEAST}
    low = {name: value for name, value in was.items() if value < LEAST[name]}
    if not BEFORE.exists():
        BEFORE.write_text(json.dumps(low))
    for name in low:
        (where / name).write_text(f"{LEAST[name]}\n")


def put_back(where: Path = Path("/proc/sys")) -> None:
    if not BEFORE.exists():
        return
    for name, value in json.loads(BEFORE.read_text()).items():
        (where / name).write_text(f"{value}\n")
    BEFORE.unlink()
