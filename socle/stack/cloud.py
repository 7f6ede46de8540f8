"""What a cloud offers, one file of stacks/clouds/ each."""

from __future__ import annotations

from ipaddress import IPv4Interface
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from socle.stack.model import Address, Block, Block6, Day, Host, Line, Section, SecureAddress, as_written, each_once

Interface = Annotated[IPv4Interface, BeforeValidator(as_written)]
OfferedService = Literal[
    "identity", "image", "placement", "network", "compute", "block-storage",
    "object-store", "load-balancer", "dns", "key-manager",
]  # fmt: skip
Zone = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9-]{0,26}[A-Za-z0-9])?$")]  # ends up in host names


Price = Annotated[float, Field(ge=0, le=1_000_000)]


class Flavour(Section):
    """Sizes of one flavour: vCPU, memory and disk in GiB, network port in Mbit/s, GPUs."""

    vcpus: Annotated[int, Field(ge=1, le=4096)]
    memory: Annotated[float, Field(gt=0, le=65_536)]
    disk: Annotated[int, Field(ge=1, le=65_536)]
    port: Annotated[int, Field(ge=100, le=400_000)] = 1000
    gpus: Annotated[int, Field(ge=0, le=16)] = 0


class VolumeType(Section):
    """`encrypted`: the cloud encrypts such volumes itself, with keys of its key manager."""

    encrypted: bool = False


class Prices(Section):
    """What the provider charges, without taxes: a flavour per hour, the rest per month."""

    currency: str = "EUR"
    flavours: dict[str, Price]
    volume_gib: Price = 0.0
    public_address: Price = 0.0


class ImageOffer(Section):
    name: Line
    user: Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_-]{0,31}$")] = "debian"
    sha512: Annotated[str | None, Field(pattern=r"^[0-9a-f]{128}$")] = None


class ExternalNetwork(Section):
    name: Line
    cidr: Block
    ipv6: Annotated[Block6 | None, Field(description="Routed to projects: stacks have their blocks of it")] = None


class Surrounding(Section):
    """A server that nodes need around them: its address, and the name its certificate carries."""

    address: Address
    name: Host


class Service(Surrounding):
    port: Annotated[int, Field(ge=1, le=65535)] = 443


class ObjectStore(Service):
    """`region`: as S3's signatures name it; the cloud's own where it is not said."""

    region: Line | None = None
    credentials: Annotated[
        Line | None,
        Field(
            description="File with pairs of keys in AWS's notation: `default`, and `backups` where they have their own"
        ),
    ] = None


class Relay(Surrounding):
    """`port`: 465 is TLS from the first byte, any other STARTTLS."""

    port: Annotated[int, Field(ge=1, le=65535)] = 587


class Collector(Surrounding):
    port: Annotated[int, Field(ge=1, le=65535)] = 6514


class Surroundings(Section):
    names: Surrounding
    time: Surrounding
    mirror: Surrounding
    registry: Surrounding
    objects: Annotated[ObjectStore | None, Field(description="Where the cloud's object store answers S3 requests")] = (
        None
    )
    identity: Annotated[
        Service | None, Field(description="Where the identity provider answers, under the name of its issuer")
    ] = None
    mail: Annotated[Relay | None, Field(description="The relay that takes mail to users")] = None
    logs: Annotated[
        Collector | None, Field(description="The ministry's own log collector, which speaks syslog over TLS")
    ] = None

    @property
    def servers(self) -> dict[str, Surrounding]:
        """Those that are given, by kind."""
        return {kind: value for kind in type(self).model_fields if (value := getattr(self, kind)) is not None}


class DnsUpdate(Section):
    """How names are published: the cloud's service (Designate), RFC 2136 to a server, or a zone file handed over."""

    update: Literal["designate", "rfc2136", "zone-file"]
    server: Address | None = None
    key_file: str | None = None


class LoadBalancing(Section):
    """`algorithm`: SOURCE_IP_PORT is the only one of Octavia's provider `ovn`; others know LEAST_CONNECTIONS."""

    algorithm: Literal["LEAST_CONNECTIONS", "ROUND_ROBIN", "SOURCE_IP", "SOURCE_IP_PORT"] = "LEAST_CONNECTIONS"


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
    services: Annotated[
        list[OfferedService], Field(description="Types of the services in the catalogue"), AfterValidator(each_once)
    ]
    volume_types: Annotated[dict[Line, VolumeType], Field(min_length=1, description="The first that fits is taken")]
    server_group_policy: Literal["anti-affinity", "soft-anti-affinity"] = "anti-affinity"
    images: dict[str, ImageOffer]
    flavours: dict[str, Flavour]
    prices: Prices | None = None
    surroundings: Surroundings
    dns: DnsUpdate = DnsUpdate(update="zone-file")
    load_balancer: LoadBalancing = LoadBalancing()
    certificates: Certificates = Certificates()
    release_overlay: str | None = None
    state_backend: Annotated[str | None, Field(description="s3://bucket?...; default: files under SOCLE_STATE")] = None
    lab: LabWiring | None = None
    qualification: Qualification

    def offers(self, service: OfferedService) -> bool:
        return service in self.services
