"""The steps that the verbs share, in their order: reach the cloud, recover, preview, compare, apply, destroy."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from dataclasses import replace as replaced
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pulumi import automation

from socle import passphrase
from socle.engine import (
    access,
    deploy,
    drift,
    inventory,
    objects,
    operations,
    plan,
    preflight,
    quotas,
    recovery,
    stillborn,
    workspace,
)
from socle.engine.beside import Beside
from socle.engine.beside import look as look_beside
from socle.engine.build import say
from socle.engine.case import Case
from socle.engine.refusals import engine_errors
from socle.errors import CloudError, InputError
from socle.graph import model
from socle.messages import _
from socle.paths import stack_dir
from socle.stack.load import LoadedStack

if TYPE_CHECKING:
    from openstack.connection import Connection


@dataclass(frozen=True)
class Ready:
    """A stack whose cloud answers and whose engine works. `flavours`: vCPU and memory (MiB) by name."""

    case: Case
    cloud: Connection
    stack: automation.Stack
    flavours: Mapping[str, tuple[int, float]]

    @property
    def loaded(self) -> LoadedStack:
        return self.case.loaded


def read_plan(loaded: LoadedStack, file: Path) -> plan.Plan:
    given = plan.load(file, passphrase.read())
    if given.name != loaded.name:
        raise InputError("SOC-1305", _("this is a plan of another stack: {name}").format(name=given.name))
    return given


def prepare(case: Case, config: Mapping[str, str] | None = None, *, existence: bool = True) -> Ready:
    """`config`: the program's settings. Raises CloudError or EngineError when one cannot be used."""
    with ThreadPoolExecutor(max_workers=1) as pool:  # the engine and the cloud take a second each to answer
        opening = pool.submit(workspace.open_stack, case.loaded, config)
        cloud = access.connect(case.loaded)
        with access.cloud_errors():
            flavours = preflight.existence(cloud, case.loaded, case.topology) if existence else {}
        return Ready(case, cloud, opening.result(), flavours)


def recovered(ready: Ready, *, break_lock: bool = False) -> dict[str, Any]:
    with access.cloud_errors():
        return deploy.recovered(ready.stack, ready.loaded, ready.cloud, ready.case.names, break_lock=break_lock)


def planned(
    ready: Ready, deployment: dict[str, Any], replace: Sequence[str] = (), *, against: plan.Plan | None = None
) -> tuple[plan.Plan, deploy.Preview]:
    """The plan as of now. Raises PlanMoved when it is not `against`, GateRefused or CloudErrors when it must not be."""
    if against:
        expected = deploy.facts(ready.loaded, deployment, ())
        plan.refuse_if_moved(against.facts, expected, but=("operations",))
    if replace:
        deployment = deploy.unprotect(ready.stack, deployment, replace)
    seen = deploy.preview(ready.stack, deploy.instances_named(deployment, replace))
    if against:
        plan.refuse_if_moved(against.facts, deploy.facts(ready.loaded, deployment, seen.found))
        seen = replaced(seen, engine_plan=against.engine_plan)
    going = [one.name for one in seen.found if one.type == model.INSTANCE and one.kind in ("replaced", "deleted")]
    calls = {node.name for tier in ready.case.topology.tiers if tier.carries_calls for node in tier.nodes}
    with access.cloud_errors():
        seen = replaced(seen, stillborn=frozenset(stillborn.stillborn(ready.cloud, going)))
        deploy.refuse_endangered(seen.found, calls - seen.stillborn, replace)
        encrypted = [name for name, kind in ready.loaded.cloud.volume_types.items() if kind.encrypted]
        needed = operations.needs(seen.found, ready.flavours, encrypted)
        quotas.check(ready.cloud, needed, ready.loaded.stack.existing.zone or "")
    return against or deploy.make_plan(ready.loaded, deployment, seen, ready.case.verdict, replace), seen


def beside(ready: Ready, deployment: Mapping[str, Any], seen: deploy.Preview) -> tuple[Beside, ...]:
    """What differs, and the preview does not see."""
    with access.cloud_errors():
        return look_beside(ready.cloud, ready.loaded.name, deployment, seen.found)


def mend(found: Sequence[Beside]) -> int:
    """How many things were put back."""
    mends = [one.mend for one in found if one.mend]
    with access.cloud_errors():
        for put_back in mends:
            put_back(say)
    return len(mends)


def touches_anything(seen: deploy.Preview) -> bool:
    return operations.bookkeeping(seen.found)


def apply(ready: Ready, deployment: Mapping[str, Any], made: plan.Plan) -> None:
    """What was planned. Instances that met on one host are made anew at once, and only once."""
    nodes = {node.name for tier in ready.case.topology.tiers for node in tier.nodes}
    try:
        _apply(ready, deployment, made, nodes)
    except CloudError:
        # a node that was to be replaced may be so already: it is not replaced a second time unasked
        if made.replace or not (names := stillborn.met(ready.cloud, nodes)):
            raise
        say(_("put on one host in the same moment, made anew: {names}").format(names=", ".join(names)))
        deployment = recovered(ready)
        again, _seen = planned(ready, deployment)
        _apply(ready, deployment, again, nodes)


def _apply(ready: Ready, deployment: Mapping[str, Any], made: plan.Plan, nodes: Collection[str]) -> None:
    forced = deploy.instances_named(deployment, made.replace)
    try:
        deploy.apply(ready.stack, made.engine_plan, say, ready.loaded.stack.cloud, forced)
    except CloudError as error:
        raise stillborn.explained(error, ready.cloud, nodes) from None


def outputs(ready: Ready) -> dict[str, Any]:
    return deploy.outputs(ready.stack)


def destroy(ready: Ready, *, break_lock: bool = False) -> int:
    """Unprotects and destroys what the state knows, then deletes what else carries the stack's marks."""
    deployment = recovered(ready, break_lock=break_lock)
    with access.cloud_errors():
        drift.refuse_held(drift.holding(ready.cloud, deployment))
    names = recovery.names_made(deployment, ready.case.names)
    count = sum(1 for one in deployment.get("resources", ()) if one.get("id") and one["type"].startswith("openstack:"))
    if deployment.get("resources"):
        deploy.unprotect(ready.stack, deployment, None)
        with access.cloud_errors():
            for container in (one["id"] for one in deployment["resources"] if one["type"] == model.CONTAINER):
                objects.empty(ready.cloud, container, say)
        deploy.destroy(ready.stack, say)
    with access.cloud_errors():
        left = deploy.left_in_cloud(ready.cloud, ready.loaded.name, names)
        if left:
            say(_("not in the state, but of this stack: {count}").format(count=len(left)))
            inventory.delete(ready.cloud, left, say)
            left = deploy.left_in_cloud(ready.cloud, ready.loaded.name, names)
    if left:
        message = _("still there: {things}").format(things=", ".join(thing.words for thing in left))
        raise CloudError("SOC-4108", message)
    return count


def forget(ready: Ready) -> None:
    """The stack's record in the backend, and its private folder with its secrets."""
    with engine_errors():
        ready.stack.workspace.remove_stack(ready.loaded.name)
    shutil.rmtree(stack_dir(ready.loaded.name))
