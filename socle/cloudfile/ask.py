"""Asks a live cloud what it offers. Reads only, and nothing but lists that a plain user of a project may have."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from socle.cloudfile.model import (
    Endpoint,
    LiveCloud,
    LiveFlavour,
    LiveImage,
    LiveNetwork,
    LiveVolumeType,
    LiveZone,
    Source,
)
from socle.engine.answers import cloud_errors
from socle.engine.quotas import LIMITS, Limits
from socle.errors import CloudError, InputError
from socle.live import endpoints
from socle.messages import _

if TYPE_CHECKING:
    from openstack.connection import Connection

T = TypeVar("T")
# Earlier names of a service's type, which catalogues still hold (OpenStack's service types authority).
ALIASES = dict.fromkeys(("volumev3", "volumev2", "volume", "block-store"), "block-storage")
KEPT_BACK, ABSENT = "SOC-4121", "SOC-4122"  # 403: not for this user; 404: an API that this cloud does not have
EXTRA_SPECS = "2.61"  # the version of Nova's API from which on flavours come with their extra specs


def ask(cloud: Connection, source: Source, region: str | None = None) -> LiveCloud:
    """Raises CloudError when the cloud fails or tells a plain user next to nothing; InputError for a choice of region.

    `region`: where the entry names none.
    """
    with cloud_errors():
        access = cloud.session.auth.get_access(cloud.session) if cloud.session.auth else None
        offered = [{**one, "service": ALIASES.get(one["service"], one["service"])} for one in endpoints(cloud)]
    if access is None or not access.project_name:
        hint = _("name project_name in the entry of clouds.yaml")
        raise CloudError("SOC-4241", "the credentials are of no project", hint=hint)
    here = _region(cloud.config.region_name or region, {one["region"] for one in offered})
    cloud.config.config["region_name"] = here
    urls = {one["service"]: one["url"] for one in sorted(offered, key=lambda one: one["url"]) if one["region"] == here}

    def told(service: str, question: Callable[[], T]) -> T | None:
        return _told(question) if service in urls else None

    def list_of(question: Callable[[Connection], T]) -> T | None:  # every cloud has these: 404 is a fault
        return _told(lambda: question(cloud), (KEPT_BACK,))

    return LiveCloud(
        source=source,
        region=here,
        auth_url=str(cloud.config.config["auth"]["auth_url"]),
        project=access.project_name,
        services=tuple(sorted(urls)),
        zones=_zones(cloud, urls),
        networks=list_of(_networks),
        flavours=list_of(_flavours),
        images=list_of(_images),
        volume_types=list_of(_volume_types) if "block-storage" in urls else None,
        balancers=told("load-balancer", lambda: _names(cloud.load_balancer.providers())),
        objects=_endpoint(urls["object-store"]) if "object-store" in urls else None,
        limits={service: told(service, partial(_limits, of, cloud)) for service, of in LIMITS.items()},
    )


def _told(question: Callable[[], T], codes: tuple[str, ...] = (KEPT_BACK, ABSENT)) -> T | None:
    """The answer; None when it is kept from this user. Any other failure is the cloud's, and raised."""
    try:
        with cloud_errors():
            return question()
    except CloudError as error:
        if error.code not in codes:
            raise
        return None


def _region(named: str | None, known: Iterable[str]) -> str:
    if named:
        return str(named)
    regions = sorted(known)
    if len(regions) == 1:
        return regions[0]
    raise InputError(
        "SOC-4242",
        "the cloud has several regions, say which: {regions}",
        hint=_("region_name in the entry of clouds.yaml, or OS_REGION_NAME"),
        regions=", ".join(regions),
    )


def _names(things: Iterable[Any]) -> tuple[str, ...]:
    return tuple(sorted({str(thing.name) for thing in things}))


def _zones(cloud: Connection, urls: Mapping[str, str]) -> dict[str, tuple[LiveZone, ...] | None]:
    def compute() -> tuple[LiveZone, ...]:
        return _of_state(cloud.compute.availability_zones())

    def volume() -> tuple[LiveZone, ...]:
        return _of_state(cloud.block_storage.availability_zones())

    def network() -> tuple[LiveZone, ...]:  # one row for each zone and kind of agent: of routers, of networks
        rows = list(cloud.network.availability_zones())
        up = {str(one.name) for one in rows if one.state == "available"}
        return tuple(LiveZone(name, name in up) for name in _names(rows))

    asked = {"compute": compute, "block-storage": volume, "network": network}
    return {service: _told(question) for service, question in asked.items() if service in urls}


def _of_state(zones: Iterable[Any]) -> tuple[LiveZone, ...]:
    found = {str(one.name): bool((one.state or {}).get("available")) for one in zones}
    return tuple(LiveZone(name, up) for name, up in sorted(found.items()))


def _networks(cloud: Connection) -> tuple[LiveNetwork, ...]:
    external = list(cloud.network.networks(is_router_external=True))
    blocks: dict[str, list[str]] = {str(one.id): [] for one in external}
    for subnet in cloud.network.subnets(ip_version=4) if external else ():
        if subnet.network_id in blocks:
            blocks[subnet.network_id].append(str(subnet.cidr))
    found = (LiveNetwork(str(one.name), tuple(sorted(blocks[one.id]))) for one in external)
    return tuple(sorted(found, key=lambda one: (one.name, one.blocks)))


def _flavours(cloud: Connection) -> tuple[LiveFlavour, ...]:
    from openstack.utils import supports_microversion

    specified = supports_microversion(cloud.compute, EXTRA_SPECS)
    found = (
        LiveFlavour(
            str(one.name),
            int(one.vcpus),
            int(one.ram),
            int(one.disk),
            bool(one.is_disabled),
            {str(key): str(value) for key, value in sorted(one.extra_specs.items())} if specified else None,
        )
        for one in cloud.compute.flavors()
    )
    return tuple(sorted(found, key=lambda one: (one.vcpus, one.ram, one.disk, one.name)))


def _images(cloud: Connection) -> tuple[LiveImage, ...]:
    """Those that instances can be made of now: hidden ones are not listed."""
    found = (
        LiveImage(
            str(one.name or ""),
            str(one.os_distro or ""),
            str(one.os_version or ""),
            str(one.os_admin_user or ""),
            str(one.hash_algo or ""),
            str(one.hash_value or ""),
        )
        for one in cloud.image.images(status="active")
    )
    return tuple(sorted(found, key=lambda one: (one.name, one.digest)))


def _volume_types(cloud: Connection) -> tuple[LiveVolumeType, ...]:
    kinds = sorted(cloud.block_storage.types(), key=lambda one: str(one.name))
    found = []
    tells = True
    for kind in kinds:
        encrypted = _told(partial(_encrypted, cloud, str(kind.id))) if tells else None
        tells = encrypted is not None  # it is one right for all of them
        found.append(LiveVolumeType(str(kind.name), encrypted))
    return tuple(found)


def _encrypted(cloud: Connection, kind: str) -> bool:
    """Cinder answers with nothing for a type that it does not encrypt."""
    from openstack.exceptions import raise_from_response

    answer = cloud.block_storage.get(f"/types/{kind}/encryption")
    raise_from_response(answer)
    return bool(answer.json().get("provider"))


def _limits(question: Callable[[Any], Limits], cloud: Connection) -> dict[str, int] | None:
    return {name: int(limit) for name, (limit, _used) in question(cloud).items() if limit is not None} or None


def _endpoint(url: str) -> Endpoint | None:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname:
        return None
    port = parts.port or 443
    try:
        found = socket.getaddrinfo(parts.hostname, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:  # this machine cannot resolve it; that says nothing of the nodes
        found = []
    return Endpoint(parts.hostname, port, tuple(sorted({str(one[4][0]) for one in found})))
