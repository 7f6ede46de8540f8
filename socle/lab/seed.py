"""What an operator of the cloud provides, through its APIs; may be repeated."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from socle.errors import MachineError
from socle.lab import quotas
from socle.lab.apis import Api
from socle.lab.wiring import Wiring
from socle.messages import _


def connect(where: Wiring, password: str, certificate: Path, user: str = "admin", project: str = "admin") -> Any:
    import openstack

    return openstack.connect(
        auth_url=f"https://{where.services}:5000/v3",
        username=user,
        password=password,
        project_name=project,
        user_domain_name="Default",
        project_domain_name="Default",
        region_name=where.region,
        cacert=str(certificate),
        verify=True,
    )


def image(cloud: Any, where: Wiring, disk: Path) -> None:
    """Public, for everyone; marked with the layer it came from."""
    layer = disk.parent.name
    for known in cloud.image.images(name=where.image):
        if known.properties.get("socle_layer") == layer and known.status == "active":
            return
        cloud.image.delete_image(known)
    cloud.create_image(
        where.image,
        filename=str(disk),
        disk_format="raw",
        container_format="bare",
        visibility="public",
        validate_checksum=False,
        use_import=False,
        wait=True,
        properties={"socle_layer": layer, "hw_disk_bus": "virtio"},
    )


def flavours(cloud: Any, where: Wiring) -> None:
    known = {flavour.name for flavour in cloud.compute.flavors()}
    for name, size in where.flavours.items():
        if name not in known:
            ram = int(size["memory"] * 1024)
            cloud.compute.create_flavor(name=name, ram=ram, vcpus=int(size["vcpus"]), disk=int(size["disk"]))


def volume_type(cloud: Any, where: Wiring) -> None:
    if not cloud.block_storage.find_type(where.volume_type):
        cloud.block_storage.create_type(name=where.volume_type, extra_specs={"volume_backend_name": "lab"})


def external_network(cloud: Any, where: Wiring) -> None:
    network = cloud.network
    found = network.find_network(where.external_network) or network.create_network(
        name=where.external_network,
        is_router_external=True,
        provider_network_type="flat",
        provider_physical_network="physnet1",
    )
    name = f"{where.external_network}-4"
    if not network.find_subnet(name):
        network.create_subnet(
            name=name,
            network_id=found.id,
            ip_version=4,
            cidr=str(where.public),
            gateway_ip=str(where.gateway),
            allocation_pools=[{"start": where.pool[0], "end": where.pool[1]}],
            enable_dhcp=False,
        )


def wait_for_hosts(cloud: Any, where: Wiring, seconds: float = 120) -> None:
    """Until the scheduler knows every compute host: before, the first server is "No valid host"."""
    end = time.monotonic() + seconds
    wanted = set(where.hosts)
    while time.monotonic() < end:
        mapped = {host.name for host in cloud.compute.hypervisors(details=True) if host.state == "up"}
        if wanted <= mapped:
            return
        time.sleep(0.5)
    raise MachineError("SOC-6012", _("the compute hosts do not appear: {names}").format(names=", ".join(wanted)))


def wait_for_backends(cloud: Any, where: Wiring, seconds: float = 120) -> None:
    """Until the scheduler has heard of a store in every zone: before, the first volume ends in error."""
    end = time.monotonic() + seconds
    missing = set(where.zones)
    while time.monotonic() < end:
        heard = {pool.name.partition("@")[2].partition("#")[0] for pool in cloud.block_storage.backend_pools()}
        missing -= heard
        if not missing:
            return
        time.sleep(0.5)
    raise MachineError("SOC-6012", _("the volume stores do not appear: {names}").format(names=", ".join(missing)))


def zones(cloud: Any, where: Wiring) -> None:
    """Nova's availability zones: a host aggregate for each."""
    known = {aggregate.name: aggregate for aggregate in cloud.compute.aggregates()}
    for zone in where.zones:
        aggregate = known.get(zone) or cloud.compute.create_aggregate(name=zone, availability_zone=zone)
        for host in set(where.hosts_of(zone)) - set(aggregate.hosts or ()):
            cloud.compute.add_host_to_aggregate(aggregate, host)


def project_quotas(cloud: Any, where: Wiring, kind: str) -> None:
    """`kind`: compute, volume or network."""
    project = cloud.identity.find_project(where.project, ignore_missing=False).id
    getattr(cloud, f"set_{kind}_quotas")(project, **quotas.of(kind))


def register(cloud: Any, where: Wiring, api: Api) -> None:
    """The service's entry in the catalogue, once it answers."""
    identity = cloud.identity
    known = {service.name: service for service in identity.services()}
    for name, kind, public, local in api.catalogue(str(where.services)):
        service = known.get(name) or identity.create_service(name=name, type=kind)
        there = {endpoint.interface for endpoint in identity.endpoints(service_id=service.id)}
        for interface, url in (("public", public), ("internal", local), ("admin", local)):
            if interface not in there:
                identity.create_endpoint(
                    service_id=service.id, interface=interface, url=url, region_id=where.region, is_enabled=True
                )
