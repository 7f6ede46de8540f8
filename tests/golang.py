"""Programs of others, from pinned Go modules: of tests and benchmarks, and no part of the tool."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

from socle.engine import build
from tests.integration.nodes import ROOT


def program(module: Path, package: str = ".") -> Path:
    """Built once for this machine and whatever stands in the module's folder."""
    name = module.name if package == "." else package.rpartition("/")[2]
    pinned = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(module.iterdir()))).hexdigest()[:12]
    file = ROOT.with_name(f"{name}-{pinned}")
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        go, new = str(build._go(module / "go.mod")), file.with_name(f"{file.name}.new")
        command = [go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-o", str(new), package]
        environment = {**os.environ, "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
        subprocess.run(command, cwd=module, env=environment, check=True, timeout=600)
        new.rename(file)
    return file
