"""The OpenStack services behind TLS, one entry each: adding one is a row here and its configuration.

Those of `APIS` always run. Those of `OPTIONAL` belong to a group that is started when a stack needs it
(`socle.lab.optional`); until then nothing of them runs, listens or is in the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from socle.lab.wiring import LOCAL_PORTS
from socle.topology.matrix import port


@dataclass(frozen=True)
class Api:
    """One API: name of its service user and log, catalogue entry, public port, WSGI module (or a server of its own).

    `kind`: of its entry in the catalogue; empty for what is no service of OpenStack and has neither entry nor user.
    """

    name: str
    kind: str
    port: int
    module: str = ""
    path: str = ""  # what the catalogue adds to the address
    alias: tuple[str, str] | None = None  # (name, kind) of a second catalogue entry, for older clients
    group: str = ""  # of an optional one: what it is asked for by

    @property
    def local_port(self) -> int:
        return LOCAL_PORTS + self.port

    @property
    def local(self) -> str:
        return f"http://127.0.0.1:{self.local_port}"

    def public(self, address: str) -> str:
        return f"https://{address}:{self.port}"

    def catalogue(self, address: str) -> list[tuple[str, str, str, str]]:
        """Its catalogue entries: (name, kind, public URL, URL inside the lab)."""
        names = [*([(self.name, self.kind)] if self.kind else []), *([self.alias] if self.alias else [])]
        return [(name, kind, self.public(address) + self.path, self.local + self.path) for name, kind in names]


APIS = (
    Api("keystone", "identity", 5000, "keystone.wsgi.api:application", "/v3"),
    Api("placement", "placement", 8778, "placement.wsgi.api:application"),
    Api("glance", "image", 9292, "glance.wsgi.api:application"),
    Api("neutron", "network", 9696, "socle_lab.neutron_api:application"),
    Api("nova", "compute", 8774, "nova.wsgi.osapi_compute:application", "/v2.1"),
    Api(
        "cinder",
        "block-storage",
        8776,
        "cinder.wsgi.api:application",
        "/v3/%(project_id)s",
        ("cinderv3", "volumev3"),
    ),
)
OPTIONAL = (
    Api("octavia", "load-balancer", 9876, "octavia.wsgi.api:application", group="load-balancer"),
    Api("designate", "dns", 9001, "designate.wsgi.api:application", group="dns"),
    Api("barbican", "key-manager", 9311, "socle_lab.barbican_api:application", group="key-manager"),
    Api("swift", "object-store", 8080, path="/v1/AUTH_%(project_id)s", group="object-store"),
    Api("identity-provider", "", 5556, group="identity"),  # of people, not of the cloud: OpenID Connect
)
BY_NAME = {api.name: api for api in (*APIS, *OPTIONAL)}
SERVICE_USERS = tuple(name for name, api in BY_NAME.items() if name != "keystone" and api.kind)
# What nodes reach around them: the flow matrix says where.
REGISTRY_PORT = port("registry")
REGISTRY_LOCAL_PORT = LOCAL_PORTS + REGISTRY_PORT
MIRROR_PORT = port("mirror")
NAMES_PORT = port("names")
TIME_PORT = port("time")
# Inside the lab alone.
DATABASE_PORT = 23306
MESSAGES_PORT = 25672
CACHE_PORT = 21211
NAMES_CONTROL_PORT = 25953  # BIND's control channel
NAMES_TRANSFER_PORT = 25354  # Designate's zones, from where BIND takes them
ACCOUNT_PORT, CONTAINER_PORT, OBJECT_PORT = 26202, 26201, 26200  # Swift behind its proxy


def offered(groups: Iterable[str]) -> tuple[Api, ...]:
    """The APIs of a lab with these groups."""
    asked = set(groups)
    return (*APIS, *(api for api in OPTIONAL if api.group in asked))
