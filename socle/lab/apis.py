"""The OpenStack services behind TLS, one entry each: adding one is a row here and its configuration."""

from __future__ import annotations

from dataclasses import dataclass

from socle.lab.wiring import LOCAL_PORTS
from socle.topology.flows import port


@dataclass(frozen=True)
class Api:
    """One WSGI API: name of its service user and log, catalogue entry, public port, module."""

    name: str
    kind: str
    port: int
    module: str
    path: str = ""  # what the catalogue adds to the address
    alias: tuple[str, str] | None = None  # (name, kind) of a second catalogue entry, for older clients

    @property
    def local_port(self) -> int:
        return LOCAL_PORTS + self.port

    @property
    def local(self) -> str:
        return f"http://127.0.0.1:{self.local_port}"

    def public(self, address: str) -> str:
        return f"https://{address}:{self.port}"


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
BY_NAME = {api.name: api for api in APIS}
SERVICE_USERS = tuple(api.name for api in APIS if api.name != "keystone")
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
