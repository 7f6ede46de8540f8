"""Asks the cloud what a preview does not: is everything there that the stack uses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from socle.engine import catalogue, existing
from socle.engine.answers import CloudErrors, found
from socle.errors import CloudError
from socle.messages import _
from socle.stack.cloud import OfferedService
from socle.stack.load import LoadedStack
from socle.topology import Topology, services

if TYPE_CHECKING:
    from openstack.connection import Connection


MANY = object()  # things have this name


def existence(cloud: Connection, loaded: LoadedStack, topology: Topology) -> dict[str, tuple[int, float]]:
    """Raises CloudErrors for services, images, flavours, volume types, zones and an external network that are not
    there, and for what the cloud team owns and is not as the stack file says.

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
