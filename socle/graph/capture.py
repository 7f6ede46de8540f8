"""The graph of a stack, from the cloud program itself, without an engine or a cloud; cached by what it depends on."""

from __future__ import annotations

import gc
import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

from socle import content, fingerprint
from socle.errors import EngineError, SocleError
from socle.files import write_file
from socle.graph import store
from socle.graph.model import Graph
from socle.paths import cache_dir
from socle.stack.load import LoadedStack
from socle.topology import Topology

# Stands for the operator's public key, which is no property of the stack.
PLACEHOLDER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlaceholderForTheOperatorsOwnPublicKey operator"


def capture(loaded: LoadedStack, topology: Topology) -> Graph:
    """What the program registers for this stack. Raises EngineError when the program itself fails."""
    key = digest(loaded)
    file = cache_dir() / "graph" / f"{key}.json"
    with suppress(OSError, ValueError):
        return store.loads(file.read_text("utf-8"))
    graph = _recorded(loaded, topology)
    if digest(loaded) == key:  # else the program moved while it ran
        with suppress(OSError):  # a full or read-only cache costs time, not the answer
            write_file(file, store.dumps(graph), durable=False)
    return graph


def digest(loaded: LoadedStack) -> str:
    """sha256 over all that decides what is registered: the stack's files, the program, the model, the SDK, Python."""
    package = Path(__file__).resolve().parent.parent
    infra = content.folder("infra")
    sources = [*infra.glob("*.py"), *(infra / "components").rglob("*.py"), *package.glob("*.py")]
    for room in ("stack", "topology", "graph"):
        sources += (package / room).rglob("*.py")
    parts = [loaded.name, loaded.digest, version("pulumi"), version("pulumi-openstack"), sys.version]
    return hashlib.sha256("\0".join([*parts, fingerprint.of(sources)]).encode()).hexdigest()


def _recorded(loaded: LoadedStack, topology: Topology) -> Graph:
    config = {"socle:sshPublicKey": PLACEHOLDER_KEY}
    root = content.folder("infra")
    try:
        with _no_collection():
            from socle.graph import sdk

            sdk.load()
            from infra.program import deploy
            from socle.graph.recorder import record

            return record(lambda: deploy(loaded, topology), loaded.name, config, root)
    except SocleError:
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise EngineError("SOC-5401", "the cloud program failed: {reason}", reason=reason) from error


@contextmanager
def _no_collection() -> Iterator[None]:
    """Thousands of small objects are made here and all of them stay: looking for garbage is a tenth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()
