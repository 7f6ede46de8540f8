"""PID 1 of the lab: starts the services of a table in the order of their needs, restarts what dies, stops in order.

Runs on the lab's own Python with the standard library only.

    supervisor.py TABLE STATE

TABLE   JSON, list of services: name, argv, environment, user, owns, after, ready, once, base
STATE   JSON, rewritten on every change: {name: {state, pid, restarts, seconds}}
        states: waiting, starting, ready, done (a command that ended well), failed

SIGTERM stops the instances, then the services, then what they lean on (`base`). SIGHUP reads the table again and
starts what is new in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

LOGS = Path("/lab/log")
TICK = 0.1
PATIENCE = 15.0  # seconds for an orderly end


def answers(ready: str) -> bool:
    """`tcp:HOST:PORT`, `file:PATH`, `http://...` (any answer below 500), or a command line."""
    kind, _, rest = ready.partition(":")
    try:
        if kind == "tcp":
            host, port = rest.rsplit(":", 1)
            socket.create_connection((host, int(port)), 2).close()
            return True
        if kind == "file":
            return Path(rest).exists()
        if kind == "http":
            urllib.request.urlopen(ready, timeout=10).close()
            return True
        return subprocess.run(ready.split(), capture_output=True, timeout=20, check=False).returncode == 0
    except urllib.error.HTTPError as error:
        return error.code < 500
    except (OSError, subprocess.TimeoutExpired):
        return False


class Service:
    def __init__(self, record: dict) -> None:
        self.record = record
        self.name: str = record["name"]
        self.state = "waiting"
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.not_before = 0.0
        self.began = 0.0
        self.seconds = 0.0

    def start(self) -> None:
        self.began = time.monotonic()
        self.state = "starting"
        user = self.record.get("user")
        for path in self.record.get("owns", ()):
            Path(path).mkdir(parents=True, exist_ok=True)
            if user:
                entry = pwd.getpwnam(user)
                os.chown(path, entry.pw_uid, entry.pw_gid)
        with (LOGS / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [word.replace("{now}", str(int(time.time()))) for word in self.record["argv"]],
                env=self.record.get("environment") or {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"},
                cwd="/lab",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=user,
                extra_groups=[] if user else None,
            )
        if not self.record.get("once"):
            threading.Thread(target=self.watch, args=(self.process,), daemon=True).start()

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Turns `starting` into `ready`; leaves when the process is another one."""
        ready = self.record.get("ready")
        while self.process is process and self.state == "starting":
            if not ready or answers(ready):
                self.seconds = time.monotonic() - self.began
                self.state = "ready"
                return
            time.sleep(0.2)

    def ended(self, status: int) -> None:
        code = os.waitstatus_to_exitcode(status)
        if self.process:
            self.process.returncode = code
        self.process = None
        if self.record.get("once") and code == 0:
            self.seconds = time.monotonic() - self.began
            self.state = "done"
            return
        self.restarts += 1
        self.state = "waiting"
        self.not_before = time.monotonic() + min(0.5 * 2**self.restarts, 30)
        if self.record.get("once") and self.restarts > 5:
            self.state = "failed"


class Supervisor:
    def __init__(self, table: Path, state: Path) -> None:
        self.table = table
        self.state_file = state
        self.services: dict[str, Service] = {}
        self.stopping = False
        self.reread = True
        self.written = ""
        signal.signal(signal.SIGTERM, lambda *_: setattr(self, "stopping", True))
        signal.signal(signal.SIGHUP, lambda *_: setattr(self, "reread", True))

    def run(self) -> None:
        while not self.stopping:
            if self.reread:
                self.reread = False
                for record in json.loads(self.table.read_text()):
                    self.services.setdefault(record["name"], Service(record))
            self.reap()
            self.advance()
            self.write()
            time.sleep(TICK)
        self.stop()

    def reap(self) -> None:
        """Every child, ours and the orphans of others: this is PID 1."""
        with contextlib.suppress(ChildProcessError):
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if not pid:
                    return
                for service in self.services.values():
                    if service.process and service.process.pid == pid:
                        service.ended(status)

    def advance(self) -> None:
        settled = {name for name, service in self.services.items() if service.state in ("ready", "done")}
        for service in self.services.values():
            if (
                service.state == "waiting"
                and settled.issuperset(service.record.get("after", ()))
                and time.monotonic() >= service.not_before
            ):
                try:
                    service.start()
                except (OSError, KeyError) as error:
                    (LOGS / f"{service.name}.log").open("a").write(f"supervisor: {error}\n")
                    service.restarts += 1
                    service.state = "failed"

    def write(self) -> None:
        text = json.dumps(
            {
                name: {
                    "state": service.state,
                    "pid": service.process.pid if service.process else 0,
                    "restarts": service.restarts,
                    "seconds": round(service.seconds, 1),
                }
                for name, service in self.services.items()
            },
            indent=1,
        )
        if text != self.written:
            new = self.state_file.with_suffix(".new")
            new.write_text(text)
            new.rename(self.state_file)
            self.written = text

    def stop(self) -> None:
        self.end(instance_supervisors(), 40)
        for base in (False, True):
            self.end(
                [s.process.pid for s in self.services.values() if s.process and bool(s.record.get("base")) is base],
                PATIENCE,
            )

    def end(self, pids: list[int], patience: float) -> None:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + patience
        while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(-1, os.WNOHANG)
            time.sleep(TICK)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def instance_supervisors() -> list[int]:
    """Each instance has its own supervisor, `python -m socle_lab.container DIRECTORY`, which outlives nova-compute."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if b"socle_lab.container" in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found


if __name__ == "__main__":
    Supervisor(Path(sys.argv[1]), Path(sys.argv[2])).run()
