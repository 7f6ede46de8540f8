"""Asks the cloud what a preview does not: do the credentials work, is everything there, is there room for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from socle.engine import catalogue, existing
from socle.engine.answers import found
from socle.errors import CloudError
from socle.messages import _
from socle.stack.cloud import OfferedService
from socle.stack.load import LoadedStack
from socle.topology import Topology, services

if TYPE_CHECKING:
    from openstack.connection import Connection


MANY = object()  # things have this name


class CloudErrors(CloudError):
    """Everything the cloud lacks, so that it is asked for in one go."""

    def __init__(self, errors: Sequence[CloudError]) -> None:
        super().__init__(errors[0].code, errors[0].message, hint=errors[0].hint)
        self.errors = tuple(errors)

    def lines(self) -> list[str]:
        return [line for error in self.errors for line in error.lines()]


def existence(cloud: Connection, loaded: LoadedStack, topology: Topology) -> dict[str, tuple[int, float]]:
    """Raises CloudErrors for services, images, flavours, volume types, zones, an external network that are not there, and
    for what the cloud team owns and is not as the stack file says.

    Returns vCPU and memory (MiB) of each flavour the stack uses, as the cloud has them.
    """
    absent = [service for service in sorted(services.needed(loaded, topology)) if not catalogue.offers(cloud, service)]
    missing = [_no_service(loaded, service) for service in absent]
    flavours = {tier.flavour for tier in topology.tiers}
    asked = [one for one in _asked(cloud, loaded, topology, flavours) if one.service not in absent]
    with ThreadPoolExecutor(max_workers=4) as pool:
        answers = list(pool.map(lambda one: one.ask(), asked))
    for one, have in zip(asked, answers, strict=True):
        missing += [_missing(loaded, one.what, name) for name in sorted(one.names) if have.get(name) is None]
        missing += [existing.ambiguous(loaded, one.what, name) for name in sorted(one.names) if have.get(name) is MANY]
    if not {"network", "dns"} & set(absent):
        missing += existing.problems(cloud, loaded, topology)
    if missing:
        raise CloudErrors(missing)
    there = next(have for one, have in zip(asked, answers, strict=True) if one.names is flavours)
    return {name: (there[name].vcpus, float(there[name].ram)) for name in flavours}


@dataclass(frozen=True)
class _Asked:
    """`ask`: what the service has, by name, of what is looked for at least."""

    service: OfferedService
    what: str
    names: Collection[str]
    ask: Callable[[], Mapping[str, Any]]


def _asked(cloud: Connection, loaded: LoadedStack, topology: Topology, flavours: Collection[str]) -> list[_Asked]:
    nodes = [node for tier in topology.tiers for node in tier.nodes]
    volumes = [(node.volume.kind, node.zone) for node in nodes if node.volume]
    images = {
        loaded.cloud.images[tier.image].name if tier.image in loaded.cloud.images else tier.image
        for tier in topology.tiers
    }
    external = {loaded.cloud.external_network.name}
    zones, volume_zones = {node.zone for node in nodes}, {zone for _kind, zone in volumes}
    return [
        _Asked("image", _("image"), images, _by_name(cloud, "image", "find_image", images)),
        _Asked("compute", _("flavour"), flavours, _by_name(cloud, "compute", "find_flavor", flavours)),
        _Asked("network", _("external network"), external, _by_name(cloud, "network", "find_network", external)),
        _Asked("compute", _("zone"), zones, lambda: _named(cloud.compute.availability_zones())),
        *(
            (
                _Asked(
                    "block-storage",
                    _("volume type"),
                    {kind for kind, _zone in volumes},
                    lambda: _named(cloud.block_storage.types()),
                ),
                _Asked(
                    "block-storage",
                    _("zone of volumes"),
                    volume_zones,
                    lambda: _named(cloud.block_storage.availability_zones()),
                ),
            )
            if volumes
            else ()
        ),
    ]


def _by_name(cloud: Connection, service: str, find: str, names: Collection[str]) -> Callable[[], Mapping[str, Any]]:
    """Things that are many in a cloud are looked for one by one."""

    def one(name: str) -> Any:
        from openstack.exceptions import DuplicateResource

        try:
            return found(getattr(getattr(cloud, service), find), name)
        except DuplicateResource:
            return MANY

    return lambda: {name: one(name) for name in names}


def _named(things: Iterable[Any]) -> dict[str, Any]:
    return {str(thing.name): thing for thing in things}


def _missing(loaded: LoadedStack, what: str, name: str) -> CloudError:
    return CloudError(
        "SOC-4201",
        _("{cloud} has no {what}: {name}").format(cloud=loaded.stack.cloud, what=what, name=name),
        hint=_("correct the cloud file, or ask the cloud's administrators for it"),
    )


def _no_service(loaded: LoadedStack, service: str) -> CloudError:
    hint = (
        _("start it: socle lab up --with {service}").format(service=service)
        if loaded.cloud.embedded
        else _(
            "correct `services` and `dns` in the cloud file: each has another way, or ask the cloud's administrators"
        )
    )
    return CloudError(
        "SOC-4220",
        "{cloud} does not offer a service that the stack uses: {service}",
        hint=hint,
        cloud=loaded.stack.cloud,
        service=service,
    )


def quota(cloud: Connection, needed: Mapping[str, int]) -> None:
    """Raises CloudErrors, one line per quota that does not suffice."""
    if not needed:
        return
    with ThreadPoolExecutor(max_workers=3) as pool:
        parts = list(pool.map(lambda ask: ask(cloud), (_compute, _volume, _network)))
    free = {name: room for part in parts for name, room in part.items()}
    short = missing_quota(needed, free)
    if short:
        raise CloudErrors(short)


def missing_quota(needed: Mapping[str, int], free: Mapping[str, int | None]) -> list[CloudError]:
    """`free`: what is left of each quota; None or absent where there is no limit or it cannot be asked."""
    return [
        CloudError(
            "SOC-4202",
            _("quota of {name}: {needed} needed, {free} left").format(name=name, needed=count, free=max(left, 0)),
            hint=_("ask the cloud's administrators for more, or remove what is not used"),
        )
        for name, count in sorted(needed.items())
        if (left := free.get(name)) is not None and count > left
    ]


def _left(limit: Any, used: Any) -> int | None:
    """A negative limit means none."""
    if limit is None or int(limit) < 0:
        return None
    return int(limit) - int(used or 0)


def _compute(cloud: Connection) -> dict[str, int | None]:
    limits = cloud.compute.get_limits().absolute
    return {
        "instances": _left(limits.instances, limits.instances_used),
        "cores": _left(limits.total_cores, limits.total_cores_used),
        "ram": _left(limits.total_ram, limits.total_ram_used),
        "server_groups": _left(limits.server_groups, limits.server_groups_used),
    }


def _volume(cloud: Connection) -> dict[str, int | None]:
    limits = cloud.block_storage.get_limits().absolute
    return {
        "volumes": _left(limits.max_total_volumes, limits.total_volumes_used),
        "gigabytes": _left(limits.max_total_volume_gigabytes, limits.total_gigabytes_used),
    }


def _network(cloud: Connection) -> dict[str, int | None]:
    from openstack.exceptions import ForbiddenException, NotFoundException

    names = ("networks", "subnets", "routers", "ports", "floating_ips", "security_groups", "security_group_rules")
    try:
        details = cloud.network.get_quota(cloud.current_project_id, details=True)
    except (ForbiddenException, NotFoundException):
        return {}  # some clouds keep it to their administrators; the engine reports a refusal then
    rows = {name: getattr(details, name, None) for name in names}
    return {name: _left(row["limit"], row["used"]) for name, row in rows.items() if isinstance(row, dict)}
