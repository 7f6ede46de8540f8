"""Runs other programs: argument lists, output kept for the error."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from socle.errors import MachineError
from socle.messages import _


def run(
    command: Sequence[str],
    *,
    stdin: str | None = None,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    check: bool = True,
) -> str:
    """The command's output. With `log` everything goes there, too long to hold. SOC-6001 when it fails."""
    try:
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as stream:
                code = subprocess.run(command, stdout=stream, stderr=subprocess.STDOUT, env=env, check=False).returncode
            said = log.read_text(errors="replace")[-2000:]
            output = ""
        else:
            finished = subprocess.run(command, input=stdin, capture_output=True, text=True, env=env, check=False)
            code, output = finished.returncode, finished.stdout
            said = finished.stderr or finished.stdout
    except FileNotFoundError as error:
        raise MachineError("SOC-6001", _("a program is missing: {name}").format(name=command[0])) from error
    if check and code:
        tail = "\n".join(said.strip().splitlines()[-6:])
        raise MachineError(
            "SOC-6001",
            _("a command failed: {command}").format(command=" ".join(command[:6])),
            hint=tail + (f"\n{log}" if log else ""),
        )
    return output


def succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
