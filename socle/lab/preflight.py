"""What must hold before anything is started; each failure is one error, and nothing was changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from socle.errors import MachineError
from socle.lab import wiring
from socle.lab.commands import run, succeeds
from socle.lab.console import phase, say
from socle.lab.layers import Layer
from socle.messages import _

PROGRAMS = {
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "unshare": "util-linux",
    "losetup": "mount",
    "mke2fs": "e2fsprogs",
}
DATA_GIB = 6.0  # databases, the image twice, and a dozen instances at 0.4 GiB


def require_programs() -> None:
    """Installs what is missing, saying so; SOC-6003 where that is not possible."""
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise MachineError("SOC-6003", _("programs are missing: {names}").format(names=", ".join(missing)))
    say(_("installing with apt-get: {names}").format(names=", ".join(missing)))
    with phase(_("packages of the host")):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-q"], env=environment)
        run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *missing], env=environment)


def require_machine() -> None:
    """SOC-6004: this machine cannot run system containers."""
    probes = (
        (_("namespaces"), ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--fork", "true"]),
        (
            _("virtual network devices"),
            ["unshare", "--net", "ip", "link", "add", "probe0", "type", "veth", "peer", "name", "probe1"],
        ),
        (_("loop devices"), ["losetup", "-f"]),
    )
    for what, command in probes:
        if not succeeds(command):
            raise MachineError(
                "SOC-6004",
                _("system containers cannot run here: no {what}").format(what=what),
                hint=_("a virtual machine with Debian 12 or 13, as root, has all that is needed"),
            )
    tun = Path("/dev/net/tun")
    if not tun.exists():
        raise MachineError("SOC-6004", _("system containers cannot run here: no {what}").format(what=tun))
    if not any(Path("/sys/fs/cgroup", name).exists() for name in ("cgroup.controllers", "unified", "systemd")):
        raise MachineError("SOC-6004", _("system containers cannot run here: no {what}").format(what="/sys/fs/cgroup"))


def free_gib(folder: Path) -> float:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free / (1 << 30)


def require_space(to_build: Sequence[Layer]) -> None:
    """SOC-6005, for the cache and for the lab's data, which may be on one disk."""
    needs = {wiring.layers_dir(): 1.3 * sum(layer.gib for layer in to_build), wiring.HOME: DATA_GIB}
    devices: dict[int, tuple[float, float, Path]] = {}
    for folder, gib in needs.items():
        existing = folder
        while not existing.exists():
            existing = existing.parent
        device = existing.stat().st_dev
        known = devices.get(device, (0.0, 0.0, existing))
        devices[device] = (known[0] + gib, free_gib(existing), existing)
    for wanted, free, folder in devices.values():
        if free < wanted:
            raise MachineError(
                "SOC-6005",
                _("not enough room under {folder}: {free} GiB free, {wanted} GiB needed").format(
                    folder=folder, free=round(free, 1), wanted=round(wanted, 1)
                ),
                hint=_("SOCLE_CACHE moves the cache"),
            )
