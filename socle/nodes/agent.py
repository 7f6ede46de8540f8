"""What a run needs for SSH and nothing after it: an agent that holds the deploy key, and shared connections.

The key goes from the vault to the agent through a pipe; it is in no file.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from socle.errors import MachineError, NodeError
from socle.messages import _

START = 10.0  # seconds for the agent to answer


@dataclass(frozen=True)
class Session:
    """`folder`: private, short enough for a socket's path, gone at the end of the run."""

    folder: Path
    config: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SSH_AUTH_SOCK": str(self.folder / "agent")}


@contextmanager
def session(private_key: str, ssh_config: Path) -> Iterator[Session]:
    """An SSH session folder whose configuration includes `ssh_config`. Raises MachineError without OpenSSH."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    folder = Path(tempfile.mkdtemp(prefix="socle-", dir=base if base and os.access(base, os.W_OK) else "/tmp"))  # noqa: S108
    agent: subprocess.Popen[bytes] | None = None
    config = folder / "config"
    # a jump through the bastion reads this file too, so its connection is shared by all
    config.write_text(
        f"Host *\n  ControlMaster auto\n  ControlPersist 30\n  ControlPath {folder}/%C\nInclude {ssh_config}\n",
        encoding="utf-8",
    )
    try:
        agent = _start(folder / "agent")
        _add(folder / "agent", private_key)
        yield Session(folder, config)
    finally:
        _close_connections(folder)
        if agent:
            agent.terminate()
            agent.wait(START)
        shutil.rmtree(folder, ignore_errors=True)


def _start(socket: Path) -> subprocess.Popen[bytes]:
    try:
        agent = subprocess.Popen(
            ["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
    except FileNotFoundError:
        raise MachineError("SOC-7301", _("missing program: ssh-agent"), hint="apt install openssh-client") from None
    deadline = time.monotonic() + START
    while not socket.exists():
        if agent.poll() is not None or time.monotonic() > deadline:
            agent.kill()
            raise NodeError("SOC-5102", "ssh-agent did not start, at: {socket}", socket=socket)
        time.sleep(0.02)
    return agent


def _add(socket: Path, private_key: str) -> None:
    done = subprocess.run(
        ["ssh-add", "-q", "-"],
        input=private_key.encode(),
        env={**os.environ, "SSH_AUTH_SOCK": str(socket)},
        capture_output=True,
        check=False,
    )
    if done.returncode != 0:
        reason = done.stderr.decode(errors="replace").strip()
        raise NodeError("SOC-5102", "ssh-agent refuses the deploy key: {reason}", reason=reason)


def _close_connections(folder: Path) -> None:
    for socket in folder.iterdir():
        if len(socket.name) == 40:  # %C is a SHA-1
            command = ["ssh", "-F", "none", "-o", f"ControlPath={socket}", "-O", "exit", "closed"]
            subprocess.run(command, capture_output=True, check=False, timeout=START)
