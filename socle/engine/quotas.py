"""Whether the project has room for what a plan makes: asked before anything is made, of every service that counts.

A limit of -1 is none. What a cloud keeps to its administrators, or does not have, is not compared; the engine reports a
refusal then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from socle.engine import catalogue
from socle.engine.answers import CloudErrors, call, refused, said
from socle.errors import CloudError
from socle.messages import _

if TYPE_CHECKING:
    from openstack.connection import Connection

Free = Mapping[str, int | None]  # by name of the quota; None: no limit
Limits = Mapping[str, tuple[Any, Any]]  # limit (None or negative: none), and what is used of it
BALANCED = ("load_balancers", "listeners", "pools", "health_monitors", "members")
NETWORKED = ("networks", "subnets", "routers", "ports", "floating_ips", "security_groups", "security_group_rules")


def check(cloud: Connection, needed: Mapping[str, int], zone: str = "") -> None:
    """Raises CloudErrors, one line per quota that does not suffice. `zone`: the one of the cloud team's, if any, that
    records are written into."""
    asking = [ask for names, ask in _asked(cloud, zone) if any(name.startswith(names) for name in needed)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        parts = list(pool.map(lambda ask: ask(), asking))
    free = {name: _left(*row) for part in parts for name, row in part.items()}
    if short := missing(needed, free):
        raise CloudErrors(short)


def missing(needed: Mapping[str, int], free: Free) -> list[CloudError]:
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


def _asked(cloud: Connection, zone: str) -> Iterable[tuple[tuple[str, ...], Callable[[], Limits]]]:
    """Beginnings of quotas' names, and who is asked for them."""
    yield ("instances", "cores", "ram", "server_groups"), lambda: _compute(cloud)
    yield ("volumes", "gigabytes"), lambda: _volume(cloud)
    yield ("volumes_", "gigabytes_"), lambda: _volume_types(cloud)
    yield NETWORKED, lambda: _network(cloud)
    if catalogue.offers(cloud, "load-balancer"):
        yield BALANCED, lambda: _load_balancer(cloud)
    if catalogue.offers(cloud, "dns"):
        yield ("zones", "zone_recordsets"), lambda: _names(cloud, zone)
    if catalogue.offers(cloud, "key-manager"):
        yield ("secrets", "orders"), lambda: _keys(cloud)


def _left(limit: Any, used: Any) -> int | None:
    """A negative limit means none."""
    if limit is None or int(limit) < 0:
        return None
    return int(limit) - int(used or 0)


def _read(api: Any, path: str, **query: str) -> Any:
    """The answer's body; None for what one may not read or the API does not have. Raises CloudError."""
    answer = api.get(path, params=query)
    if answer.status_code in (403, 404):
        return None
    if answer.status_code >= 400:
        raise refused(answer.status_code, call("GET", answer.url), said(answer))
    return answer.json()


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


def _volume_types(cloud: Connection) -> Limits:
    """`volumes_<type>`, `gigabytes_<type>`."""
    body = _read(cloud.block_storage, f"/os-quota-sets/{cloud.current_project_id}", usage="true")
    rows = body["quota_set"] if body else {}
    return {
        name: (row["limit"], row["in_use"])
        for name, row in rows.items()
        if name.startswith(("volumes_", "gigabytes_")) and isinstance(row, dict)
    }


def _network(cloud: Connection) -> Limits:
    from openstack.exceptions import ForbiddenException, NotFoundException

    try:
        details = cloud.network.get_quota(cloud.current_project_id, details=True)
    except (ForbiddenException, NotFoundException):
        return {}
    rows = {name: getattr(details, name, None) for name in NETWORKED}
    return {name: (row["limit"], row["used"]) for name, row in rows.items() if isinstance(row, dict)}


def _load_balancer(cloud: Connection) -> Limits:
    """Octavia tells limits, not what is used of them."""
    from openstack.exceptions import ForbiddenException, NotFoundException

    api, project = cloud.load_balancer, cloud.current_project_id
    try:
        limits = api.get_quota(project)
        pools = list(api.pools(project_id=project))
        used = {
            "load_balancers": sum(1 for _one in api.load_balancers(project_id=project)),
            "listeners": sum(1 for _one in api.listeners(project_id=project)),
            "pools": len(pools),
            "health_monitors": sum(1 for _one in api.health_monitors(project_id=project)),
            "members": sum(len(pool.members or ()) for pool in pools),
        }
    except (ForbiddenException, NotFoundException):
        return {}
    return {name: (getattr(limits, name), used[name]) for name in BALANCED}


def _names(cloud: Connection, zone: str) -> Limits:
    """Of zones in the project, and of record sets in one zone."""
    limits = _read(cloud.dns, "/limits") or {}
    if not limits:
        return {}
    zones = list(cloud.dns.zones())
    given = [one for one in zones if one.name == f"{zone}."] if zone else []
    held = sum(1 for one in given for _record in cloud.dns.recordsets(one))
    return {
        "zones": (limits.get("max_zones"), len(zones)),
        "zone_recordsets": (limits.get("max_zone_recordsets"), held),
    }


def _keys(cloud: Connection) -> Limits:
    """Of the secrets that the cloud's own volume encryption keeps, and of the orders that make them."""
    body = _read(cloud.key_manager, "/quotas")
    if not body:
        return {}
    found: dict[str, tuple[Any, Any]] = {}
    for name in ("secrets", "orders"):
        limit = body["quotas"].get(name)
        if limit is None or int(limit) < 0:
            continue
        listing = _read(cloud.key_manager, f"/{name}", limit="1")
        if listing is not None:
            found[name] = (limit, listing.get("total"))
    return found


# Service -> what asks it for the project's limits.
LIMITS: dict[str, Callable[[Any], Limits]] = {
    "compute": _compute,
    "block-storage": _volume,
    "network": _network,
    "load-balancer": _load_balancer,
}
