"""What a run needs for SSH and nothing after it: an agent that holds the deploy key, and shared connections.

The key goes from the vault to the agent through a pipe; it is in no file.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from socle.errors import MachineError, NodeError
from socle.messages import _

PATIENCE = 10.0  # seconds for a shared connection to close


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
    companion: subprocess.Popen[str] | None = None
    agent: int | None = None
    config = folder / "config"
    # a jump through the bastion reads this file too, so its connection is shared by all
    config.write_text(
        f"Host *\n  ControlMaster auto\n  ControlPersist 30\n  ControlPath {folder}/%C\nInclude {ssh_config}\n",
        encoding="utf-8",
    )
    try:
        companion = _start(folder / "agent")
        agent = _agent_of(companion, folder / "agent")
        _add(folder / "agent", private_key)
        yield Session(folder, config)
    finally:
        _close_connections(folder)
        if companion:
            _stop(companion, agent)
        shutil.rmtree(folder, ignore_errors=True)


def _start(socket: Path) -> subprocess.Popen[str]:
    """The agent's companion: the agent ends with it (at once, or within 10 s), and it ends with our end of its pipe.

    So a run that is killed leaves no agent with the key behind; ssh-agent itself is setgid, which clears other ties.
    """
    try:
        companion = subprocess.Popen(
            ["ssh-agent", "-a", str(socket), "sh", "-c", "echo $SSH_AGENT_PID; exec cat >/dev/null"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    except FileNotFoundError:
        raise MachineError("SOC-7301", _("missing program: ssh-agent"), hint="apt install openssh-client") from None
    return companion


def _agent_of(companion: subprocess.Popen[str], socket: Path) -> int:
    """The agent's process; it listens by then."""
    assert companion.stdout
    said = companion.stdout.readline().strip()
    if not said.isdigit():
        raise NodeError("SOC-5102", "ssh-agent did not start, at: {socket}", socket=socket)
    return int(said)


def _stop(companion: subprocess.Popen[str], agent: int | None) -> None:
    if agent is not None:
        with suppress(ProcessLookupError):
            os.kill(agent, signal.SIGTERM)
    with companion:  # closes its pipes, by which it ends
        pass


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
            subprocess.run(command, capture_output=True, check=False, timeout=PATIENCE)
