"""The engine's workspace of one stack: pinned CLI and plugin, state where the operator wants it, a passphrase."""

from __future__ import annotations

import fcntl
import os
import runpy
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

from socle import content, passphrase
from socle.engine import access, build
from socle.engine.command import RUN_MARK, Command
from socle.engine.refusals import engine_errors
from socle.errors import EngineError, MachineError, StateLocked
from socle.messages import _
from socle.paths import cache_dir, stack_dir
from socle.stack.load import LoadedStack

PLUGIN = "pulumi-resource-openstack"
ROOM_NEEDED = 64 * 1024**2  # bytes; the state of 500 resources with its history stays below


def backend(loaded: LoadedStack) -> str:
    """Where Pulumi keeps state and locks: `SOCLE_BACKEND`, the cloud file's, else files of this machine."""
    if url := os.environ.get("SOCLE_BACKEND") or loaded.cloud.state_backend:
        return url
    folder = stack_dir(loaded.name) / "pulumi"
    folder.mkdir(exist_ok=True, mode=0o700)
    # The backend replaces a state file in one step, but not the note of attributes beside it: a kill in between leaves
    # an empty note, and then the state cannot be read. It needs no such notes.
    for note in folder.glob(".pulumi/**/*.attrs"):
        note.unlink(missing_ok=True)
    return f"{folder.as_uri()}?metadata=skip"


def run_mark(loaded: LoadedStack) -> str:
    """The value of `SOCLE_ENGINE_RUN`: which stack in which state a process of the engine works for."""
    return f"{loaded.name}@{backend(loaded)}"


def environment(loaded: LoadedStack, *, credentials: bool = True) -> dict[str, str]:
    return {
        "PULUMI_BACKEND_URL": backend(loaded),
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase.file()),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        RUN_MARK: run_mark(loaded),
        **(access.environment(loaded) if credentials else {}),
    }


def project() -> str:
    """The name in infra/Pulumi.yaml, so that plain `pulumi` finds the same state."""
    with suppress(OSError):
        return str(yaml.safe_load((content.folder("infra") / "Pulumi.yaml").read_text())["name"])
    return "socle"


def home() -> Path:
    """A PULUMI_HOME with our plugin and nothing else; made once per plugin."""
    folder = cache_dir() / "engine" / f"home-{build.digest(PLUGIN)}"
    number = build.version(PLUGIN)
    if (folder / "plugins" / f"resource-openstack-v{number}" / PLUGIN).exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = [str(build.binary("pulumi")), "plugin", "install", "resource", "openstack", number]
        done = subprocess.run(
            [*command, "--file", str(build.binary(PLUGIN)), "--reinstall"],
            env={**os.environ, "PULUMI_HOME": str(folder), "PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise EngineError(
            "SOC-7206", _("cannot install the plugin: {name}").format(name=PLUGIN), hint=done.stderr[-300:]
        )
    return folder


def program(loaded: LoadedStack) -> Callable[[], None]:
    """The cloud program for this stack's file, as the engine runs it."""

    def run() -> None:
        os.environ["SOCLE_STACK_FILE"] = str(loaded.file.resolve())
        runpy.run_path(str(content.folder("infra") / "__main__.py"), run_name="__main__")

    return run


def open_stack(
    loaded: LoadedStack,
    config: Mapping[str, str] | None = None,
    run: Callable[[], None] | None = None,
    *,
    credentials: bool = True,
) -> automation.Stack:
    """The stack in its backend; made empty when it is new.

    `config`: the program's settings, nothing secret. `run`: another program than the stack's own, for tests.
    """
    if not os.environ.get("SOCLE_BACKEND"):
        _room(stack_dir(loaded.name))
    work = stack_dir(loaded.name) / "engine"
    work.mkdir(exist_ok=True, mode=0o700)
    settings = automation.ProjectSettings(name=project(), runtime="python", main=str(work))
    options = automation.LocalWorkspaceOptions(
        work_dir=str(work),
        pulumi_home=str(home()),
        env_vars=environment(loaded, credentials=credentials),
        project_settings=settings,
        pulumi_command=Command(build.binary("pulumi")),
    )
    with engine_errors():
        stack = automation.create_or_select_stack(
            stack_name=loaded.name, project_name=settings.name, program=run or program(loaded), opts=options
        )
    if config is not None:
        try:
            written = stack.workspace.stack_settings(loaded.name)
        except FileNotFoundError:  # the state was made on another machine
            written = automation.StackSettings()
        written.config = dict(config)
        stack.workspace.save_stack_settings(loaded.name, written)
    return stack


def _room(folder: Path) -> None:
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < ROOM_NEEDED:
        raise MachineError("SOC-7103", _("the disk that keeps the state is full: {folder}").format(folder=folder))


@contextmanager
def alone(loaded: LoadedStack, verb: str) -> Iterator[None]:
    """One `up`, `plan` or `down` of a stack at a time on this machine. Ends with its process, however that ends."""
    path = stack_dir(loaded.name) / "lock"
    with path.open("a+") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            held.seek(0)
            raise StateLocked(
                "SOC-9101",
                _("somebody else is working on {stack}: {who}").format(
                    stack=loaded.name, who=held.read().strip() or "?"
                ),
            ) from None
        held.truncate(0)
        who = {"verb": verb, "pid": os.getpid(), "user": os.environ.get("USER") or os.getuid()}
        held.write(_("socle {verb}, process {pid}, user {user}").format(**who) + "\n")
        held.flush()
        yield


def exported(stack: automation.Stack) -> dict[str, Any]:
    """The state's deployment: `resources`, `pending_operations`. Ciphertext stays ciphertext."""
    with engine_errors():
        deployment: Mapping[str, Any] = stack.export_stack().deployment or {}
    return dict(deployment)
