"""What a cloud offers, one file of stacks/clouds/ each."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Address, IPv4Interface, IPv4Network
from typing import Annotated, Literal

from pydantic import Field

from socle.stack.model import Section


class Flavour(Section):
    """Sizes of one flavour: vCPU, memory and disk in GiB."""

    vcpus: Annotated[int, Field(ge=1)]
    memory: Annotated[float, Field(gt=0)]
    disk: Annotated[int, Field(ge=1)]


class ImageOffer(Section):
    name: str
    user: str = "debian"
    sha512: str | None = None


class ExternalNetwork(Section):
    name: str
    cidr: IPv4Network


class Surrounding(Section):
    """A server that nodes need around them: its address, and the name its certificate carries."""

    address: IPv4Address
    name: str


class Surroundings(Section):
    names: Surrounding
    time: Surrounding
    mirror: Surrounding
    registry: Surrounding


class DnsUpdate(Section):
    """How names are published: RFC 2136 to a server, or a zone file handed over."""

    update: Literal["rfc2136", "zone-file"]
    server: IPv4Address | None = None
    key_file: str | None = None


class Issuer(Section):
    """An internal certificate authority whose key the operator holds."""

    certificate: str
    key: str


class Certificates(Section):
    issuer: Issuer | None = None


class Qualification(Section):
    """What the provider holds, as it states it; the qualification is the provider's, never ours."""

    scheme: str
    scope: str | None = None
    until: date | None = None
    note: str | None = None


class LabWiring(Section):
    class Link(Section):
        host: IPv4Interface
        guest: IPv4Interface

    link: Link
    gateway: IPv4Address
    services_address: IPv4Address
    floating_pool: tuple[IPv4Address, IPv4Address]
    domain: str
    hosts: dict[str, Annotated[int, Field(ge=1, description="compute hosts of each zone")]]


class Cloud(Section):
    name: str
    region: str
    auth_url: Annotated[str, Field(pattern=r"^https://", description="Keystone's public endpoint, TLS only")]
    project: str
    credentials: Annotated[
        str | None, Field(description="clouds.yaml to read; default: the OpenStack SDK's places")
    ] = None
    ca_certificate: str | None = None
    embedded: bool = False
    zones: Annotated[list[str], Field(min_length=1)]
    external_network: ExternalNetwork
    services: list[str]
    volume_types: Annotated[list[str], Field(min_length=1)]
    server_group_policy: Literal["anti-affinity", "soft-anti-affinity"] = "anti-affinity"
    images: dict[str, ImageOffer]
    flavours: dict[str, Flavour]
    surroundings: Surroundings
    dns: DnsUpdate = DnsUpdate(update="zone-file")
    certificates: Certificates = Certificates()
    release_overlay: str | None = None
    state_backend: Annotated[str | None, Field(description="s3://bucket?...; default: files under SOCLE_STATE")] = None
    lab: LabWiring | None = None
    qualification: Qualification
