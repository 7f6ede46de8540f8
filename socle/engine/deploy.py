"""The cloud half of `plan`, `up` and `down`: preview, apply what was previewed, destroy; after a kill, recover."""

from __future__ import annotations

import datetime
import platform
import re
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version as package_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi import automation
from pulumi.automation import errors as automation_errors
from pulumi.automation.events import EngineEvent, StepEventMetadata

from socle.engine import build, durations, inventory, operations, plan, recovery, workspace
from socle.engine.durations import Durations
from socle.engine.operations import Operation
from socle.engine.refusals import engine_errors
from socle.errors import CloudError, GateRefused, StateLocked
from socle.graph import model
from socle.messages import _
from socle.paths import stack_dir
from socle.stack.load import LoadedStack

if TYPE_CHECKING:
    from openstack.connection import Connection

UNDER_WAY = "under-way"  # there while the engine changes the cloud; left behind by a kill
ANSI = re.compile(r"\x1b\[[0-9;]*m|<\{%[^%]*%\}>")


@dataclass(frozen=True)
class Preview:
    """What the engine would do, its own plan file's text, and the instances of it that never ran."""

    found: tuple[Operation, ...]
    engine_plan: str
    stillborn: frozenset[str] = frozenset()


class Listener:
    """Collects the steps and the errors of a run; tells of finished operations as they come."""

    def __init__(self, progress: Callable[[str], None] | None = None, durations: Durations | None = None) -> None:
        self.steps: list[dict[str, Any]] = []
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._progress, self._durations = progress, durations
        self._began: dict[tuple[str, str], float] = {}

    def __call__(self, event: EngineEvent) -> None:
        if before := event.resource_pre_event:
            self.steps.append(step(before.metadata))
            self._began[before.metadata.urn, str(before.metadata.op.value)] = time.monotonic()
        elif said := event.diagnostic_event:
            if said.severity in ("error", "warning") and not said.ephemeral:
                target = self.errors if said.severity == "error" else self.warnings
                about = f"{said.urn.rpartition('::')[2]}: " if said.urn else ""
                target.append(about + ANSI.sub("", said.message).strip())
        elif (done := event.res_outputs_event) and self._progress:
            kind = operations.KINDS.get(str(done.metadata.op.value), "unchanged")
            if kind != "unchanged" and done.metadata.type.startswith("openstack:"):
                title, name = done.metadata.type.rpartition(":")[2], done.metadata.urn.rpartition("::")[2]
                self._progress(f"  {_(kind):9} {title} {name}")
                self._remember(done.metadata)

    def _remember(self, done: StepEventMetadata) -> None:
        began = self._began.get((done.urn, str(done.op.value)))
        if self._durations and began is not None:
            self._durations.add(durations.key_of(done.type, str(done.op.value)), time.monotonic() - began)


def step(metadata: StepEventMetadata) -> dict[str, Any]:
    state = metadata.new or metadata.old
    return {
        "op": str(metadata.op.value),
        "urn": metadata.urn,
        "type": metadata.type,
        "diffs": metadata.diffs,
        "protect": bool(metadata.old and metadata.old.protect),
        "inputs": dict(state.inputs or {}) if state else {},
        "before": dict(metadata.old.inputs or {}) if metadata.old else {},
    }


def preview(stack: automation.Stack, forced: Sequence[str] = ()) -> Preview:
    """With refresh, so that what somebody changed by hand is seen. `forced`: URNs to replace, changed or not."""
    listener = Listener()
    with tempfile.TemporaryDirectory(dir=stack.workspace.work_dir) as folder:
        file = Path(folder) / "plan.json"
        try:
            with engine_errors(listener.errors):
                stack.preview(
                    on_event=listener, plan=str(file), refresh=True, color="never", replace=list(forced) or None
                )
        except CloudError as error:
            if protected := [line for line in listener.errors if "protect" in line]:
                raise _refused([line.partition(":")[0] for line in protected]) from error
            raise
        return Preview(operations.operations(listener.steps), file.read_text())


def facts(loaded: LoadedStack, deployment: Mapping[str, Any], found: Sequence[Operation]) -> plan.Facts:
    cloud = loaded.cloud
    return plan.Facts(
        stack=loaded.digest,
        program=plan.program_digest(),
        cloud=f"{cloud.auth_url} {cloud.project} {cloud.region}",
        state=plan.state_digest(deployment),
        operations=operations.digest(found),
        versions={
            "pulumi": build.version("pulumi"),
            "plugin": build.version(workspace.PLUGIN),
            "pulumi-sdk": package_version("pulumi"),
            "pulumi-openstack": package_version("pulumi-openstack"),
            "python": ".".join(platform.python_version_tuple()[:2]),
        },
    )


def make_plan(
    loaded: LoadedStack,
    deployment: Mapping[str, Any],
    seen: Preview,
    gate: Mapping[str, Any],
    replace: Sequence[str] = (),
) -> plan.Plan:
    return plan.Plan(
        name=loaded.name,
        made=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        facts=facts(loaded, deployment, seen.found),
        operations=plan.recorded(seen.found),
        gate=gate,
        replace=tuple(replace),
        engine_plan=seen.engine_plan,
    )


def refuse_endangered(found: Sequence[Operation], carrying_calls: Collection[str], replace: Sequence[str]) -> None:
    """Raises GateRefused when a volume, a public address or a node with calls would go without being named."""
    if going := operations.endangered(found, carrying_calls, replace):
        raise _refused([one.name for one in going])


def _refused(names: Sequence[str]) -> GateRefused:
    named = " ".join(f"--replace {name}" for name in dict.fromkeys(names))
    message = _("this would replace or delete what holds data, an address or calls: {names}")
    return GateRefused(
        "SOC-3201",
        message.format(names=", ".join(dict.fromkeys(names))),
        hint=_("nothing was changed; if it is meant, name it: {options}").format(options=named),
    )


def instances_named(deployment: Mapping[str, Any], names: Sequence[str]) -> tuple[str, ...]:
    """URNs of the instances with these names. Naming another kind of resource only allows its replacement."""
    wanted = (one["urn"] for one in deployment.get("resources", ()) if one["type"] == model.INSTANCE)
    return tuple(urn for urn in wanted if urn.rpartition("::")[2] in names)


def unprotect(stack: automation.Stack, deployment: dict[str, Any], names: Sequence[str] | None) -> dict[str, Any]:
    """Takes the engine's protection off the named resources, or off all (None). Returns the state as it is then."""
    resources = [
        {**one, "protect": False} if names is None or one["urn"].rpartition("::")[2] in names else one
        for one in deployment.get("resources", ())
    ]
    if resources == deployment.get("resources", []):
        return deployment
    changed = {**deployment, "resources": resources}
    with engine_errors():
        stack.import_stack(automation.Deployment(version=3, deployment=changed))
    return workspace.exported(stack)


@contextmanager
def changing(name: str) -> Iterator[None]:
    """Marks that the engine changes the cloud. The mark outlives a kill, not an error that the engine reported."""
    mark = stack_dir(name) / UNDER_WAY
    mark.touch(mode=0o600)
    try:
        yield
    except automation_errors.CommandError:
        mark.unlink(missing_ok=True)
        raise
    mark.unlink(missing_ok=True)


def apply(
    stack: automation.Stack, engine_plan: str, progress: Callable[[str], None], cloud: str, forced: Sequence[str] = ()
) -> None:
    """Does what the engine's plan says, and nothing else. `cloud`: whose durations are remembered."""
    seconds = durations.of_cloud(cloud)
    listener = Listener(progress, seconds)
    with tempfile.TemporaryDirectory(dir=stack.workspace.work_dir) as folder:
        file = Path(folder) / "plan.json"
        file.write_text(engine_plan)
        with engine_errors(listener.errors), changing(stack.name):
            stack.up(
                plan=str(file),
                refresh=True,
                on_event=listener,
                color="never",
                suppress_outputs=True,
                replace=list(forced) or None,
            )
    seconds.save()


def recovered(
    stack: automation.Stack,
    loaded: LoadedStack,
    cloud: Connection,
    registered: Sequence[str] = (),
    *,
    break_lock: bool = False,
) -> dict[str, Any]:
    """The exported state, after whatever a killed run left is put right. Raises StateLocked for a run that lives."""
    if break_lock:
        stack.cancel()
    backend = workspace.backend(loaded)
    held = recovery.locks(backend, workspace.project(), loaded.name)
    unclean = recovery.settle_processes(stack, workspace.run_mark(loaded), held)
    mark = stack_dir(loaded.name) / UNDER_WAY
    deployment = workspace.exported(stack)
    if unclean or mark.exists() or break_lock or recovery.unfinished(deployment):
        recovery.recover(stack, cloud, deployment, registered)
        deployment = workspace.exported(stack)
        mark.unlink(missing_ok=True)
    return deployment


def refuse_unfinished(loaded: LoadedStack, deployment: Mapping[str, Any]) -> None:
    """`plan` changes nothing, so it does not recover either."""
    held = recovery.locks(workspace.backend(loaded), workspace.project(), loaded.name)
    if held or recovery.unfinished(deployment) or (stack_dir(loaded.name) / UNDER_WAY).exists():
        hint = "\n".join([*(lock.words for lock in held), *recovery.unfinished(deployment)[:5]])
        message = _("an earlier run of {stack} did not end; `socle up {stack}` finishes it")
        raise StateLocked("SOC-9103", message.format(stack=loaded.name), hint=hint)


def outputs(stack: automation.Stack) -> dict[str, Any]:
    """The program's outputs, plain values by name."""
    with engine_errors():
        return {name: output.value for name, output in stack.outputs().items()}


def destroy(stack: automation.Stack, progress: Callable[[str], None]) -> None:
    """Everything that the state knows; what is gone already is only forgotten."""
    listener = Listener(progress)
    with engine_errors(listener.errors), changing(stack.name):
        stack.destroy(refresh=True, on_event=listener, color="never", run_program=False)


def left_in_cloud(cloud: Connection, stack: str, names: set[str]) -> list[inventory.Thing]:
    """What still carries the stack's marks although no state knows it."""
    return inventory.orphans(inventory.everything(cloud), set(), stack, names)
