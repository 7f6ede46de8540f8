"""What the cloud has otherwise than was applied, and the engine's provider does not see: told before a plan's
operations, and put back by `up` where that takes one call and nothing away from anybody else.

The provider compares a port's groups and an instance's metadata with what it was told of alone, and looks at nothing
that it did not make.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from socle.engine import drift
from socle.engine.operations import Operation
from socle.graph import model
from socle.messages import _

if TYPE_CHECKING:
    from openstack.connection import Connection

Recorded = Mapping[str, Any]  # a resource of the engine's state


@dataclass(frozen=True)
class Beside:
    """One thing in words, and what `up` does about it, if anything."""

    words: str
    mend: Callable[[Callable[[str], None]], None] | None = None

    def document(self) -> dict[str, Any]:
        return {"words": self.words, "mended": self.mend is not None}


def look(
    cloud: Connection, stack: str, deployment: Mapping[str, Any], found: Sequence[Operation]
) -> tuple[Beside, ...]:
    """Changes nothing. What the engine changes anyhow (`found`) is left to it. Calls go out side by side."""
    changing = {one.urn for one in found if one.kind != "unchanged"}
    made = {
        str(one["id"]): one
        for one in deployment.get("resources", ())
        if one.get("id") and one["type"].startswith("openstack:") and one["urn"] not in changing
    }
    looks: list[Callable[[], Iterator[Beside]]] = [
        lambda: _ports(cloud, [one for one in made.values() if one["type"] == model.PORT]),
        lambda: _instances(cloud, [one for one in made.values() if one["type"] == model.INSTANCE]),
        lambda: _undeclared(cloud, stack, deployment),
    ]
    with ThreadPoolExecutor(max_workers=len(looks)) as pool:
        return tuple(one for part in pool.map(lambda look: list(look()), looks) for one in part)


def _name(one: Recorded) -> str:
    return str(one["urn"]).rpartition("::")[2]


def _ports(cloud: Connection, made: Collection[Recorded]) -> Iterator[Beside]:
    """The project's own group comes first: it is emptied before a port could fall into it."""
    ports = {port.id: port for port in cloud.network.ports(project_id=cloud.current_project_id)}
    yield from _default_group(cloud, list(ports.values()))
    for one in made:
        port, applied = ports.get(str(one["id"])), list(one.get("inputs", {}).get("securityGroupIds") or ())
        if port is not None and set(port.security_group_ids or ()) != set(applied):
            words = _("{name} is in other security groups than was applied; `socle up` puts it back")
            yield Beside(words.format(name=_name(one)), partial(_grouped, cloud, port.id, applied))


def _grouped(cloud: Connection, port: str, groups: list[str], _say: Callable[[str], None]) -> None:
    cloud.network.update_port(port, security_groups=groups)


def _instances(cloud: Connection, made: Collection[Recorded]) -> Iterator[Beside]:
    servers = {server.id: server for server in cloud.compute.servers()} if made else {}
    for one in made:
        server, applied = servers.get(str(one["id"])), dict(one.get("inputs", {}).get("metadata") or {})
        if server is not None and dict(server.metadata or {}) != applied:
            words = _("{name} has other metadata than was applied; `socle up` puts it back")
            strange = sorted(set(server.metadata or {}) - set(applied))
            yield Beside(words.format(name=_name(one)), partial(_labelled, cloud, server.id, applied, strange))


def _labelled(
    cloud: Connection, server: str, applied: dict[str, str], strange: list[str], _say: Callable[[str], None]
) -> None:
    cloud.compute.set_server_metadata(server, **applied)
    if strange:
        cloud.compute.delete_server_metadata(server, strange)


def _undeclared(cloud: Connection, stack: str, deployment: Mapping[str, Any]) -> Iterator[Beside]:
    names = drift.recorded(deployment)
    for one in drift.undeclared(cloud, names) if names else ():
        words = _("nobody declared {thing} in {holder}; it stays, see: socle drift {stack}")
        thing = f"{one.title} {one.name}"
        yield Beside(words.format(thing=thing, holder=drift.holder(one), stack=stack))


def _default_group(cloud: Connection, ports: Sequence[Any]) -> Iterator[Beside]:
    """Neutron gives every project one whose rules let everything out and its members in, and puts what names no group
    into it."""
    project = cloud.current_project_id
    for group in cloud.network.security_groups(name="default", project_id=project):
        rules = [rule.id for rule in cloud.network.security_group_rules(security_group_id=group.id)]
        users = sum(1 for port in ports if group.id in (port.security_group_ids or ()))
        if group.name != "default" or not rules:
            continue
        if users:
            words = _("the project's default group keeps its rules, {count}: ports that use it: {users}")
            yield Beside(words.format(count=len(rules), users=users))
        else:
            words = _("the project's default group loses its rules, {count}; nothing uses it")
            yield Beside(words.format(count=len(rules)), partial(_emptied, cloud, rules))


def _emptied(cloud: Connection, rules: list[str], say: Callable[[str], None]) -> None:
    from openstack.exceptions import ForbiddenException

    try:
        for rule in rules:
            cloud.network.delete_security_group_rule(rule)
    except ForbiddenException:
        say(_("the cloud forbids to change the project's default group; it stays as it is"))
