"""The lab's root and namespaces: made, entered, ended. Everything of it hangs on one process, the lab's PID 1."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from socle.errors import MachineError
from socle.lab import wiring
from socle.lab.commands import run
from socle.messages import _

CGROUPS = Path("/sys/fs/cgroup")
FIRST = "init"  # on cgroup v2 the lab's processes are in a leaf of their own, so that instances can have limits
INSIDE_CODE = Path(__file__).parent / "inside"
DRIVERS = Path(__file__).parent / "drivers"


def start_time(pid: int) -> str:
    """Field 22 of /proc/PID/stat: with the number it names one process for as long as the machine runs."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def pid() -> int:
    """The lab's PID 1 as the host numbers it; 0 when the lab does not run."""
    try:
        known = json.loads(wiring.INIT.read_text())
    except (OSError, ValueError):
        return 0
    found = int(known["pid"])
    return found if known["start"] and start_time(found) == known["start"] else 0


def cgroup_trees() -> dict[str, str]:
    """Trees of the host that the lab needs: {folder below /sys/fs/cgroup: kind}; "" is cgroup v2 alone."""
    if (CGROUPS / "cgroup.controllers").exists():
        return {"": "cgroup2"}
    kinds = {"unified": "cgroup2", "systemd": "systemd", "memory": "memory"}
    return {name: kind for name, kind in kinds.items() if (CGROUPS / name).is_dir()}


def own_cgroups() -> list[Path]:
    return [CGROUPS / tree / wiring.CGROUP for tree in cgroup_trees()]


def join_cgroups() -> None:
    """Run in a new process, before its namespaces: the lab's cgroup is the root of its cgroup namespace."""
    for tree in own_cgroups():
        (tree / "cgroup.procs").write_text("0")


def allow_limits(processes: Sequence[int]) -> None:
    """On cgroup v2 only a cgroup without processes hands controllers down: they move into a leaf first."""
    if cgroup_trees() != {"": "cgroup2"}:
        return
    tree = CGROUPS / wiring.CGROUP
    (tree / FIRST).mkdir(exist_ok=True)
    try:
        for process in processes:
            (tree / FIRST / "cgroup.procs").write_text(str(process))
        for file in (CGROUPS / "cgroup.subtree_control", tree / "cgroup.subtree_control"):
            file.write_text("+memory")
    except OSError:
        return  # no memory limits then; `status` says so


def remove_cgroups() -> None:
    """With the processes in them: one that was started and not recorded, because its starter was killed."""
    for tree in own_cgroups():
        for file in tree.rglob("cgroup.procs"):
            for process in file.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGKILL)
        for folder, _folders, _files in os.walk(tree, topdown=False):
            for _attempt in range(50):
                try:
                    Path(folder).rmdir()
                    break
                except OSError:
                    time.sleep(0.05)


def install_code(upper: Path) -> None:
    """The lab's own programs and drivers, into the writable layer of its root."""
    code = upper / wiring.CODE.lstrip("/")
    shutil.rmtree(code, ignore_errors=True)
    shutil.copytree(INSIDE_CODE, code, ignore=shutil.ignore_patterns("__pycache__"))
    packages = upper / wiring.VENV.lstrip("/") / "lib/python3.13/site-packages"
    shutil.rmtree(packages / "socle_lab", ignore_errors=True)
    shutil.copytree(DRIVERS / "socle_lab", packages / "socle_lab", ignore=shutil.ignore_patterns("__pycache__"))
    (packages / "nova/virt").mkdir(parents=True, exist_ok=True)
    (packages / "nova/virt/socle.py").write_text("from socle_lab.nova import NspawnDriver as NspawnDriver\n")
    stub = upper / wiring.VENV.lstrip("/") / "bin/sudo"
    stub.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(INSIDE_CODE / "sudo.sh", stub)
    stub.chmod(0o755)


def boot(lower: Sequence[Path], binds: Sequence[tuple[Path, str]], command: Sequence[str]) -> int:
    """Starts PID 1 in new namespaces on an overlay of the layers; returns its number on the host."""
    for folder in (wiring.ROOT, wiring.UPPER, wiring.WORK, wiring.RUN):
        folder.mkdir(parents=True, exist_ok=True)
    for tree in own_cgroups():
        tree.mkdir(exist_ok=True)
    spec = {
        "root": str(wiring.ROOT),
        "lower": [str(layer) for layer in lower],
        "upper": str(wiring.UPPER),
        "work": str(wiring.WORK),
        "binds": [[str(source), target] for source, target in binds],
        "cgroups": cgroup_trees(),
        "exec": list(command),
    }
    file = wiring.RUN / "spec.json"
    file.write_text(json.dumps(spec, indent=1))
    log = wiring.LOG / "init.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    unshare = ["unshare", "--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "--fork"]
    with log.open("ab") as stream:
        outer = subprocess.Popen(
            [*unshare, sys.executable, "-I", str(INSIDE_CODE / "init.py"), str(file)],
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
            preexec_fn=join_cgroups,
            cwd="/",
        )
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and outer.poll() is None:
        if first := _first_child(outer.pid):
            wiring.INIT.write_text(json.dumps({"pid": first, "start": start_time(first), "outer": outer.pid}))
            # Before it is the supervisor it still moves into its root: who enters now finds the half of each.
            if _command_line(first) == list(command):
                allow_limits([outer.pid, first])
                return first
        time.sleep(0.02)
    end(orderly=False)
    tail = "\n".join(log.read_text().strip().splitlines()[-4:])
    raise MachineError("SOC-6010", _("the lab's namespaces could not be made"), hint=tail)


def _first_child(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0]) if children else 0


def _command_line(process: int) -> list[str]:
    try:
        return Path(f"/proc/{process}/cmdline").read_text().split("\0")[:-1]
    except OSError:
        return []


def command_inside(command: Sequence[str], environment: dict[str, str] | None = None) -> list[str]:
    """The command line that runs a program inside the lab."""
    base = {"HOME": "/root", "PATH": f"{wiring.VENV}/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
    variables = [f"{name}={value}" for name, value in {**base, **(environment or {})}.items()]
    spaces = ["-m", "-n", "-p", "-i", "-u", "-C"]
    return ["nsenter", "-t", str(pid()), *spaces, "--wdns=/", "--", "env", "-i", *variables, *command]


def inside(
    command: Sequence[str], environment: dict[str, str] | None = None, stdin: str | None = None, check: bool = True
) -> str:
    return run(command_inside(command, environment), stdin=stdin, check=check)


def reread() -> None:
    """The supervisor reads its table again and starts what is new in it."""
    os.kill(pid(), signal.SIGHUP)


def end(orderly: bool) -> None:
    """Ends PID 1, which takes every process and mount along. Orderly: instances and services stop first."""
    first = pid()
    if first and orderly:
        os.kill(first, signal.SIGTERM)
        _wait_gone(first, 90)
    if first and pid():
        os.kill(first, signal.SIGKILL)
        _wait_gone(first, 15)
    wiring.INIT.unlink(missing_ok=True)


def _wait_gone(process: int, seconds: float) -> None:
    started = start_time(process)
    end_at = time.monotonic() + seconds
    while time.monotonic() < end_at:
        try:
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return
        if fields[19] != started or fields[0] == "Z":
            return
        time.sleep(0.05)
