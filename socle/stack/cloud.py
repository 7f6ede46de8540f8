"""What a cloud offers, one file of stacks/clouds/ each."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Interface
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from socle.stack.model import Block, Day, Host, Line, Section, SecureAddress, Word, as_written, each_once

Address = Annotated[IPv4Address, BeforeValidator(as_written)]
Interface = Annotated[IPv4Interface, BeforeValidator(as_written)]
Zone = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,26}[A-Za-z0-9])?$")]  # ends up in host names


class Flavour(Section):
    """Sizes of one flavour: vCPU, memory and disk in GiB, network port in Mbit/s."""

    vcpus: Annotated[int, Field(ge=1)]
    memory: Annotated[float, Field(gt=0)]
    disk: Annotated[int, Field(ge=1)]
    port: Annotated[int, Field(ge=100, le=400_000)] = 1000


class Prices(Section):
    """What the provider charges, without taxes: a flavour per hour, the rest per month."""

    currency: str = "EUR"
    flavours: dict[str, Annotated[float, Field(ge=0)]]
    volume_gib: Annotated[float, Field(ge=0)] = 0.0
    public_address: Annotated[float, Field(ge=0)] = 0.0


class ImageOffer(Section):
    name: Line
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "debian"
    sha512: Annotated[str | None, Field(pattern=r"^[0-9a-f]{128}$")] = None


class ExternalNetwork(Section):
    name: Line
    cidr: Block


class Surrounding(Section):
    """A server that nodes need around them: its address, and the name its certificate carries."""

    address: Address
    name: Host


class Surroundings(Section):
    names: Surrounding
    time: Surrounding
    mirror: Surrounding
    registry: Surrounding


class DnsUpdate(Section):
    """How names are published: RFC 2136 to a server, or a zone file handed over."""

    update: Literal["rfc2136", "zone-file"]
    server: Address | None = None
    key_file: str | None = None


class Issuer(Section):
    """An internal certificate authority whose key the operator holds."""

    certificate: str
    key: str


class Certificates(Section):
    issuer: Issuer | None = None


class Qualification(Section):
    """What the provider holds, as it states it; the qualification is the provider's, never ours."""

    scheme: Line
    scope: Line | None = None
    until: Day | None = None
    note: str | None = None


class LabWiring(Section):
    class Link(Section):
        host: Interface
        guest: Interface

    link: Link
    gateway: Address
    services_address: Address
    floating_pool: tuple[Address, Address]
    domain: Host
    hosts: dict[str, Annotated[int, Field(ge=1, description="compute hosts of each zone")]]


class Cloud(Section):
    name: Line
    region: Line
    auth_url: Annotated[SecureAddress, Field(description="Keystone's public endpoint, TLS only")]
    project: Line
    credentials: Annotated[
        str | None, Field(description="clouds.yaml to read; default: the OpenStack SDK's places")
    ] = None
    ca_certificate: str | None = None
    embedded: bool = False
    zones: Annotated[list[Zone], Field(min_length=1), AfterValidator(each_once)]
    external_network: ExternalNetwork
    services: list[Word]
    volume_types: Annotated[list[Line], Field(min_length=1)]
    server_group_policy: Literal["anti-affinity", "soft-anti-affinity"] = "anti-affinity"
    images: dict[str, ImageOffer]
    flavours: dict[str, Flavour]
    prices: Prices | None = None
    surroundings: Surroundings
    dns: DnsUpdate = DnsUpdate(update="zone-file")
    certificates: Certificates = Certificates()
    release_overlay: str | None = None
    state_backend: Annotated[str | None, Field(description="s3://bucket?...; default: files under SOCLE_STATE")] = None
    lab: LabWiring | None = None
    qualification: Qualification
