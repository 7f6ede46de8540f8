"""Runs the Pulumi CLI for the Automation API: a session of its own, a clean environment, interrupts passed on."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import IO, Any

from pulumi.automation import CommandResult, PulumiCommand
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from socle.engine.build import say, version
from socle.errors import EngineError, SocleError
from socle.messages import _

RUN_MARK = "SOCLE_ENGINE_RUN"  # in the environment of the CLI and so of its plugins: which stack they work for
AGAIN = "run the same command to go on"
FOREIGN = ("OS_", "PULUMI_", "TF_", "OPENSTACK_")  # what the operator's shell must not decide


class Interrupted(SocleError):
    """Ctrl-C or SIGTERM: the engine ended its current operations and released its lock."""

    exit_code = 130


class Command(PulumiCommand):
    """The pinned CLI. Its version is known, so it is not asked."""

    def __init__(self, program: Path) -> None:
        self.command = str(program)
        self.version = VersionInfo.parse(version("pulumi"))

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Callable[[str], Any] | None = None,
        on_error: Callable[[str], Any] | None = None,
    ) -> CommandResult:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        # A session of its own: the terminal's Ctrl-C reaches this process alone, which passes it on once.
        with (
            subprocess.Popen(
                [self.command, "--non-interactive", *args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env={**inherited, **additional_env, "PULUMI_AUTOMATION_API": "true"},
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            ) as process,
            _passing_interrupts_to(process) as interrupts,
        ):
            out, err = _Reader(process.stdout, on_output), _Reader(process.stderr, on_error)
            process.wait()
            result = CommandResult(stdout=out.text(), stderr=err.text(), code=process.returncode)
        if process.returncode < 0 and not interrupts:
            number = signal.Signals(-process.returncode).name
            raise EngineError("SOC-7212", _("the engine was killed: {signal}").format(signal=number), hint=_(AGAIN))
        if interrupts:
            raise Interrupted("SOC-7211", _("interrupted, the state is saved"), hint=_(AGAIN))
        if process.returncode:
            raise create_command_error(result)
        return result


class _Reader(threading.Thread):
    def __init__(self, stream: IO[str] | None, callback: Callable[[str], Any] | None) -> None:
        super().__init__(daemon=True)
        assert stream is not None
        self._stream, self._callback, self._lines = stream, callback, list[str]()
        self.start()

    def run(self) -> None:
        for line in self._stream:
            self._lines.append(line.rstrip())
            if self._callback:
                self._callback(line.rstrip())

    def text(self) -> str:
        self.join(timeout=5)  # a plugin that outlived the CLI may hold the pipe open
        return "\n".join(self._lines)


@contextmanager
def _passing_interrupts_to(process: subprocess.Popen[str]) -> Iterator[list[int]]:
    """SIGINT and SIGTERM become a SIGINT to the CLI: the first lets it finish what it does, the second stops it."""
    seen: list[int] = []

    def pass_on(number: int, _frame: FrameType | None) -> None:
        seen.append(number)
        if len(seen) == 1:
            say(_("interrupted: finishing the operations under way (again: stop at once)"))
        process.send_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        yield seen
        return
    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
