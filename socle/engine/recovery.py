"""Finishes what a killed run began: its processes, its lock, its unrecorded resources, its pending operations.

The engine records a resource after the cloud has made it. Killed in between, it forgets the resource and, asked again,
makes a second one. So before anything else is done after an unclean end: what the cloud has of this stack and the state
does not know is deleted (it was just made, and holds nothing), and the records of unfinished creations are dropped.
"""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from socle.engine import inventory
from socle.engine.build import say
from socle.errors import StateLocked
from socle.messages import _

if TYPE_CHECKING:
    from openstack.connection import Connection
    from pulumi.automation import Stack

PATIENCE = 120  # seconds for a run that lost its terminal to end by itself


@dataclass(frozen=True)
class Lock:
    """Pulumi's own lock on a state."""

    pid: int
    user: str
    host: str
    since: str

    @property
    def words(self) -> str:
        return _("{user}@{host}, process {pid}, since {since}").format(**vars(self))


def locks(backend: str, project: str, stack: str) -> list[Lock]:
    """Locks of a file backend. Those of S3 are seen when the engine refuses (SOC-9102)."""
    url = urlparse(backend)
    if url.scheme != "file":
        return []
    folder = Path(unquote(url.path)) / ".pulumi" / "locks" / "organization" / project / stack
    found = []
    for file in sorted(folder.glob("*.json")):
        with suppress(OSError, ValueError):  # released meanwhile
            one = json.loads(file.read_text())
            found.append(Lock(one["pid"], one["username"], one["hostname"], one["timestamp"]))
    return found


def settle_processes(stack: Stack, mark: str, found: Sequence[Lock]) -> bool:
    """Ends what a dead run left running, then its lock. True when a run ended uncleanly. Raises StateLocked."""
    from socle.engine.command import RUN_MARK

    wanted = f"{RUN_MARK}={mark}".encode()
    for lock in found:
        if lock.host != socket.gethostname():
            raise StateLocked(
                "SOC-9102", _("the state is locked by: {who}").format(who=lock.words), hint=_unlock_hint(stack)
            )
    left = marked_processes(wanted)
    strangers = [lock for lock in found if alive(lock.pid) and lock.pid not in left]
    if strangers:
        message = _("the state is locked by: {who}").format(who=strangers[0].words)
        raise StateLocked("SOC-9102", message, hint=_unlock_hint(stack))
    if left:
        say(_("an earlier run of this stack lost its terminal; waiting for it to end"))
        _end(left, wanted)
    if found and locks_remain(stack, found):
        say(_("releasing the lock of a run that was killed: {who}").format(who=found[0].words))
        stack.cancel()
    return bool(found or left)


def locks_remain(stack: Stack, found: Sequence[Lock]) -> bool:
    """Whether one of these is still there; a run that ended in order took its own away."""
    backend = stack.workspace.env_vars["PULUMI_BACKEND_URL"]
    return any(lock in found for lock in locks(backend, stack.workspace.project_settings().name, stack.name))


def _unlock_hint(stack: Stack) -> str:
    return _("if that run is dead for certain: socle up {stack} --break-lock").format(stack=stack.name)


def marked_processes(wanted: bytes) -> dict[int, str]:
    """Pulumi and plugin processes that carry the mark in their environment: pid and program name."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # another user's, or gone
            name = (folder / "exe").readlink().name
            if name.startswith("pulumi") and wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = name
    return found


def _end(left: dict[int, str], wanted: bytes) -> None:
    """An engine is asked to stop and finishes its operations; a plugin without its engine is of no use to anyone."""
    engines = [pid for pid, name in left.items() if name == "pulumi"]
    for pid in engines:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)
    deadline = time.monotonic() + PATIENCE
    while any(name == "pulumi" for name in marked_processes(wanted).values()) and time.monotonic() < deadline:
        time.sleep(0.2)
    deadline = time.monotonic() + 10
    while (rest := marked_processes(wanted)) and time.monotonic() < deadline:
        for pid in rest:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def alive(pid: int) -> bool:
    """Whether a Pulumi of this number may still run: no zombie, nor somebody else's new process."""
    folder = Path(f"/proc/{pid}")
    try:
        if folder.joinpath("stat").read_text().rpartition(")")[2].split()[0] == "Z":
            return False
        return folder.joinpath("exe").readlink().name.startswith("pulumi")
    except PermissionError:
        return True  # another user's: who knows
    except OSError:
        return False


def known_ids(deployment: Mapping[str, Any]) -> set[str]:
    """Every id that the state records, and the parts of composed ones (`server/volume`, `router/subnet`)."""
    ids = {str(resource["id"]) for resource in deployment.get("resources", ()) if resource.get("id")}
    return ids | {part for one in ids for part in re.split(r"[/,]", one)}


def names_made(deployment: Mapping[str, Any], registered: Iterable[str] = ()) -> set[str]:
    """Every name the program gave or was about to give: of the state, of unfinished operations, of the program now."""
    pending = [one["resource"] for one in deployment.get("pending_operations") or ()]
    names = set(registered)
    for resource in [*deployment.get("resources", ()), *pending]:
        names.add(resource["urn"].rpartition("::")[2])
        if isinstance(name := (resource.get("inputs") or {}).get("name"), str):
            names.add(name)
    return names


def unfinished(deployment: Mapping[str, Any]) -> list[str]:
    """Unfinished operations, in words."""
    return [
        f"{one['type']} {one['resource']['urn'].rpartition('::')[2]}"
        for one in deployment.get("pending_operations") or ()
    ]


def without_unfinished(deployment: Mapping[str, Any]) -> dict[str, Any]:
    return {**deployment, "pending_operations": []}


def recover(stack: Stack, cloud: Connection, deployment: Mapping[str, Any], registered: Iterable[str]) -> None:
    """Removes what the state does not know, then the records of unfinished operations."""
    from pulumi.automation import Deployment

    from socle.engine.refusals import engine_errors

    names, known = names_made(deployment, registered), known_ids(deployment)
    lost = settled_orphans(cloud, known, stack.name, names)
    if lost:
        say(_("the killed run had made, and not recorded: {count}").format(count=len(lost)))
        inventory.delete(cloud, lost, say)
    if unfinished(deployment):
        with engine_errors():
            stack.import_stack(Deployment(version=3, deployment=without_unfinished(deployment)))
    say(_("recovered: nothing is recorded that was not finished, nothing exists that is not recorded"))


def settled_orphans(cloud: Connection, known: set[str], stack: str, names: set[str]) -> list[inventory.Thing]:
    """Orphans, once two looks agree: a request that was under way at the kill may land a moment later."""
    before: list[inventory.Thing] | None = None
    for _look in range(10):
        found = inventory.orphans(inventory.everything(cloud), known, stack, names)
        found = [thing for thing in found if thing.kind not in inventory.ADOPTED]
        if before is not None and {one.id for one in before} == {one.id for one in found}:
            return found
        before = found
        time.sleep(1)
    return before or []
