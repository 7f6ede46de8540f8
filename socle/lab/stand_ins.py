"""What a lab without the application's images runs in their place: marked as a stand-in everywhere it is named.

A Debian Python and the few files of `stand_in/`, with the commands, ports and (malformed) user of the images that they
stand for. 60 MB unpacked, 20 MB in the registry, made in 25 s.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Mapping
from pathlib import Path

from socle.lab import container_image, recipes
from socle.lab.layers import Layer
from socle.lab.machine import Machine
from socle.stack.release import ContainerImage

SOURCE = Path(__file__).parent / "stand_in" / "app"
PACKAGES = ("python3", "python3-psycopg2", "busybox-static")
LABELS = {"stand_in": "true", "org.opencontainers.image.description": "a stand-in of the lab, not La Suite Meet"}
USER = "1001:127:-1000"  # as published, which podman refuses: who runs it names a user, of the stand-in too
PATH = "/app/.venv/bin:/usr/local/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin"
WRAPPER = '#!/bin/sh\nexec /usr/bin/python3 /app/{file} "$@"\n'
ENTRYPOINT = '#!/bin/sh\nexec "$@"\n'
TOOLS = ("sh", "wget", "nc", "cat", "env", "ls", "sleep", "test", "id", "timeout")
KEPT = ("usr/bin/busybox", "usr/bin/python3", "usr/bin/python3.13")
FILES = {
    "meet-backend": {"gunicorn": "backend.py", "celery": "worker.py"},
    "meet-frontend": {"nginx": "frontend.py"},
}
COMMANDS = {
    "meet-backend": ["gunicorn", "-c", "/usr/local/etc/gunicorn/meet.py", "meet.wsgi:application"],
    "meet-frontend": ["nginx", "-g", "daemon off;"],
}


def layer(machine: Machine, stood_for: Mapping[str, ContainerImage]) -> Layer:
    """OCI layouts, one folder per image."""

    def build(folder: Path) -> None:
        root = folder / "root"
        recipes.mmdebstrap(PACKAGES, machine, root, recipes.log_file("stand-in"), variant="extract")
        system = container_image.layer(lambda tar: debian(tar, root))
        for name, real in stood_for.items():
            container_image.write_layout(image(system, name, real.version), folder / name, real.tagged)
        import shutil

        shutil.rmtree(root)

    texts = recipes.text_of(*sorted(SOURCE.glob("*.py")), Path(__file__), Path(container_image.__file__))
    recipe = [PACKAGES, machine.debian, {name: real.tagged for name, real in stood_for.items()}, texts, recipes.WITHOUT]
    return Layer("stand-in", json.dumps(recipe), build, 0.1)


def debian(tar: tarfile.TarFile, root: Path) -> None:
    """The interpreter with its libraries, and what a shell needs; nothing of a package manager."""
    for name in ("bin", "sbin", "lib", "lib64"):
        container_image.link(tar, name, f"usr/{name}")
    container_image.tree(tar, root, "usr", needed)
    for name in TOOLS:
        container_image.link(tar, f"usr/bin/{name}", "busybox")
    container_image.add(tar, "etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    container_image.add(tar, "etc/group", b"root:x:0:\n")
    for name, mode in (("tmp", 0o1777), ("proc", 0o755), ("sys", 0o755), ("dev", 0o755), ("run", 0o755)):
        container_image.folder(tar, name, mode)


def needed(name: str) -> bool:
    if name.startswith("usr/bin/"):
        return name in KEPT
    return (
        not name.startswith(("usr/share/", "usr/sbin/", "usr/include/", "usr/lib/dpkg")) and "__pycache__" not in name
    )


def image(system: container_image.Layer, name: str, version: str) -> container_image.Image:
    def fill(tar: tarfile.TarFile) -> None:
        container_image.folder(tar, "app")
        for file in sorted(SOURCE.glob("*.py")):
            container_image.add(tar, f"app/{file.name}", file.read_bytes())
        container_image.link(tar, "app/.venv/bin/python", "/usr/bin/python3")
        container_image.add(tar, "usr/local/bin/entrypoint", ENTRYPOINT.encode(), 0o755)
        for command, file_name in FILES[name].items():
            container_image.add(tar, f"usr/local/bin/{command}", WRAPPER.format(file=file_name).encode(), 0o755)
        container_image.folder(tar, "data/static")

    environment = {
        "PATH": PATH,
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "STAND_IN_RELEASE": version,
    }
    return container_image.image(
        [system, container_image.layer(fill)],
        name,
        version,
        Entrypoint=["/usr/local/bin/entrypoint"],
        Cmd=COMMANDS[name],
        User=USER,
        WorkingDir="/app",
        Env=[f"{key}={value}" for key, value in environment.items()],
        Labels=LABELS,
    )
