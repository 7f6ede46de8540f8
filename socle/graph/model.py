"""Resources as the program registers them, to the recorder (no engine, no cloud) or to the engine's preview.

Values in `inputs` are plain JSON values, or one of three marks: `Ref` (an output of another resource), `UNKNOWN` (known
only after apply) and `SECRET` (a secret: never kept). Keys: the SDK's property names, snake_case (`remote_ip_prefix`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any

from socle.errors import Mark


class _Mark(Enum):
    UNKNOWN = "(known after apply)"
    SECRET = "(secret)"  # noqa: S105

    def __repr__(self) -> str:
        return self.value


UNKNOWN = _Mark.UNKNOWN
SECRET = _Mark.SECRET


@dataclass(frozen=True)
class Ref:
    """An output of another resource: `target` is its name, `output` the property (`id`, `address`, ...)."""

    target: str
    output: str = "id"


@dataclass(frozen=True)
class Resource:
    """`type`: Pulumi's token, `openstack:networking/port:Port`. `name`: unique. `where`: the program's line."""

    type: str
    name: str
    parent: str = ""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    protect: bool = False
    where: Mark | None = None

    def get(self, key: str, default: Any = None) -> Any:
        return self.inputs.get(key, default)


# Tokens of the resources that rules look at; the names are OpenStack's.
NETWORK = "openstack:networking/network:Network"
SUBNET = "openstack:networking/subnet:Subnet"
ROUTER = "openstack:networking/router:Router"
ROUTER_INTERFACE = "openstack:networking/routerInterface:RouterInterface"
PORT = "openstack:networking/port:Port"
FLOATING_IP = "openstack:networking/floatingIp:FloatingIp"
FLOATING_IP_ASSOCIATE = "openstack:networking/floatingIpAssociate:FloatingIpAssociate"
ROUTER_ROUTE = "openstack:networking/routerRoute:RouterRoute"
SECURITY_GROUP = "openstack:networking/secGroup:SecGroup"
SECURITY_GROUP_RULE = "openstack:networking/secGroupRule:SecGroupRule"
INSTANCE = "openstack:compute/instance:Instance"
SERVER_GROUP = "openstack:compute/serverGroup:ServerGroup"
KEYPAIR = "openstack:compute/keypair:Keypair"
VOLUME = "openstack:blockstorage/volume:Volume"
VOLUME_ATTACH = "openstack:compute/volumeAttach:VolumeAttach"
LOAD_BALANCER = "openstack:loadbalancer/loadBalancer:LoadBalancer"
LISTENER = "openstack:loadbalancer/listener:Listener"
POOL = "openstack:loadbalancer/pool:Pool"
MEMBERS = "openstack:loadbalancer/members:Members"
MONITOR = "openstack:loadbalancer/monitor:Monitor"
ZONE = "openstack:dns/zone:Zone"
RECORD_SET = "openstack:dns/recordSet:RecordSet"
CONTAINER = "openstack:objectstorage/container:Container"
PROVIDER = "pulumi:providers:openstack"


@dataclass(frozen=True)
class Graph:
    """All resources of one stack, by name."""

    resources: tuple[Resource, ...]

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources)

    def __len__(self) -> int:
        return len(self.resources)

    def of(self, *types: str) -> tuple[Resource, ...]:
        return tuple(resource for resource in self.resources if resource.type in types)

    def named(self, name: str) -> Resource | None:
        return self._names.get(name)

    def follow(self, value: Any) -> Resource | None:
        """The resource that a `Ref` points at."""
        return self.named(value.target) if isinstance(value, Ref) else None

    @cached_property
    def _names(self) -> dict[str, Resource]:
        return {resource.name: resource for resource in self.resources}
