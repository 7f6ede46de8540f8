"""First program in the lab's new namespaces: makes the root, moves into it, becomes the supervisor.

    init.py SPEC       SPEC: JSON with root, lower, upper, work, binds [[source, target]], cgroups, exec

Runs on the host's Python, standard library only, as PID 1 of the lab; everything mounted here vanishes with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def devices(root: Path) -> None:
    """The host's /dev (loop devices, tun) with terminals of its own."""
    mount("--rbind", "/dev", f"{root}/dev")
    mount("--make-rslave", f"{root}/dev")
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620,gid=5", "devpts", f"{root}/dev/pts")
    mount("-t", "tmpfs", "-o", "mode=1777,nosuid,nodev", "tmpfs", f"{root}/dev/shm")


def cgroups(root: Path, trees: dict[str, str]) -> None:
    """The host's trees again, seen from the lab's cgroup namespace: {mount point below /sys/fs/cgroup: kind}."""
    base = root / "sys/fs/cgroup"
    if "" in trees:
        mount("-t", "cgroup2", "cgroup2", str(base))
        return
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", str(base))
    for name, kind in trees.items():
        (base / name).mkdir()
        options = {"cgroup2": ["-t", "cgroup2"], "systemd": ["-t", "cgroup", "-o", "none,name=systemd"]}
        mount(*options.get(kind, ["-t", "cgroup", "-o", kind]), "cgroup", str(base / name))


def main() -> None:
    spec = json.loads(Path(sys.argv[1]).read_text())
    root = Path(spec["root"])
    mount("--make-rprivate", "/")
    overlay = f"lowerdir={':'.join(spec['lower'])},upperdir={spec['upper']},workdir={spec['work']}"
    mount("-t", "overlay", "-o", overlay, "overlay", str(root))
    mount("-t", "proc", "proc", f"{root}/proc")
    mount("-t", "sysfs", "sysfs", f"{root}/sys")
    devices(root)
    cgroups(root, spec["cgroups"])
    for folder in ("run", "tmp"):
        mount("-t", "tmpfs", "-o", f"mode={'1777' if folder == 'tmp' else '755'}", "tmpfs", str(root / folder))
    (root / "run/lock").mkdir()
    for source, target in spec["binds"]:
        (root / target.lstrip("/")).mkdir(parents=True, exist_ok=True)
        mount("--bind", source, f"{root}/{target}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["hostname", "lab"], check=True)
    os.chdir(root)
    subprocess.run(["pivot_root", ".", "mnt"], check=True)
    os.chdir("/")
    subprocess.run(["umount", "-l", "/mnt"], check=True)
    os.execv(spec["exec"][0], spec["exec"])


if __name__ == "__main__":
    main()
