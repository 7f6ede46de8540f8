"""Asks the cloud what a preview does not: do the credentials work, is everything there, is there room for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from socle.engine.answers import found
from socle.errors import CloudError
from socle.messages import _
from socle.stack.load import LoadedStack
from socle.topology import Topology

if TYPE_CHECKING:
    from openstack.connection import Connection


Limits = dict[str, tuple[Any, Any]]  # quota -> limit (negative: none) and what is used of it


class CloudErrors(CloudError):
    """Everything the cloud lacks, so that it is asked for in one go."""

    def __init__(self, errors: Sequence[CloudError]) -> None:
        super().__init__(errors[0].code, errors[0].message, hint=errors[0].hint)
        self.errors = tuple(errors)

    def lines(self) -> list[str]:
        return [line for error in self.errors for line in error.lines()]


def existence(cloud: Connection, loaded: LoadedStack, topology: Topology) -> dict[str, tuple[int, float]]:
    """Raises CloudErrors for images, flavours or the external network that are not there.

    Returns vCPU and memory (MiB) of each flavour the stack uses, as the cloud has them.
    """
    images = {
        loaded.cloud.images[tier.image].name if tier.image in loaded.cloud.images else tier.image
        for tier in topology.tiers
    }
    flavours = {tier.flavour for tier in topology.tiers}
    external = loaded.cloud.external_network.name
    wanted: list[tuple[str, str, Callable[[str], Any]]] = [
        *((_("image"), name, cloud.image.find_image) for name in sorted(images)),
        *((_("flavour"), name, cloud.compute.find_flavor) for name in sorted(flavours)),
        (_("external network"), external, cloud.network.find_network),
    ]
    with ThreadPoolExecutor(max_workers=3) as pool:
        things = list(pool.map(lambda one: found(one[2], one[1]), wanted))
    missing = [
        CloudError(
            "SOC-4201",
            _("{cloud} has no {what}: {name}").format(cloud=loaded.stack.cloud, what=what, name=name),
            hint=_("correct the cloud file, or ask the cloud's administrators for it"),
        )
        for (what, name, _find), thing in zip(wanted, things, strict=True)
        if thing is None
    ]
    if missing:
        raise CloudErrors(missing)
    by_name = {name: thing for (_what, name, _find), thing in zip(wanted, things, strict=True)}
    return {name: (by_name[name].vcpus, float(by_name[name].ram)) for name in flavours}


def quota(cloud: Connection, needed: Mapping[str, int]) -> None:
    """Raises CloudErrors, one line per quota that does not suffice."""
    if not needed:
        return
    with ThreadPoolExecutor(max_workers=3) as pool:
        parts = list(pool.map(lambda ask: ask(cloud), LIMITS.values()))
    free = {name: _left(*row) for part in parts for name, row in part.items()}
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


def _compute(cloud: Connection) -> Limits:
    limits = cloud.compute.get_limits().absolute
    return {
        "instances": (limits.instances, limits.instances_used),
        "cores": (limits.total_cores, limits.total_cores_used),
        "ram": (limits.total_ram, limits.total_ram_used),
        "server_groups": (limits.server_groups, limits.server_groups_used),
    }


def _volume(cloud: Connection) -> Limits:
    limits = cloud.block_storage.get_limits().absolute
    return {
        "volumes": (limits.max_total_volumes, limits.total_volumes_used),
        "gigabytes": (limits.max_total_volume_gigabytes, limits.total_gigabytes_used),
    }


def _network(cloud: Connection) -> Limits:
    from openstack.exceptions import ForbiddenException, NotFoundException

    names = ("networks", "subnets", "routers", "ports", "floating_ips", "security_groups", "security_group_rules")
    try:
        details = cloud.network.get_quota(cloud.current_project_id, details=True)
    except (ForbiddenException, NotFoundException):
        return {}  # some clouds keep it to their administrators; the engine reports a refusal then
    rows = {name: getattr(details, name, None) for name in names}
    return {name: (row["limit"], row["used"]) for name, row in rows.items() if isinstance(row, dict)}


# Service -> what asks it for the project's limits.
LIMITS: dict[str, Callable[[Any], Limits]] = {"compute": _compute, "block-storage": _volume, "network": _network}
