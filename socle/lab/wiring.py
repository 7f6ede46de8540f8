"""Where the lab is: folders on the host, folders inside, addresses, ports.

Addresses come from the cloud file `stacks/clouds/lab.yaml`, where alone they are written.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from socle import content
from socle.paths import cache_dir

HOME = Path("/var/lib/socle/lab")  # no variable moves it: `down` deletes it, and the cloud file names files in it
ACCESS = HOME / "access"  # what an operator gets
ROOT = HOME / "root"  # mount point of the lab's root, in its own mount namespace only
UPPER = HOME / "upper"
WORK = HOME / "work"
ETC = HOME / "etc"
DATA = HOME / "data"
RUN = HOME / "run"
LOG = HOME / "log"
INIT = RUN / "init.json"  # process of the lab's PID 1, with its start time
SERVICES = RUN / "services.json"  # written by the supervisor
SECRETS = HOME / "secrets.json"
CREDENTIAL = HOME / "credential.json"  # the operator's, with the day it ends
IDENTITY = HOME / "identity.json"  # the provider's key, and the stacks whose users log in there
GROUPS = HOME / "groups.json"  # optional services that were asked for, until `down`

INSIDE = "/lab"  # data, etc, run, log and mirror are bound below it
VENV = "/opt/openstack"
CODE = "/opt/socle"

DEVICE = "socle0"  # host end of the link
TABLE = "socle_lab"  # nftables table on the host
CGROUP = "socle-lab"
CHASSIS = "lab"  # the one OVN chassis
LOCAL_PORTS = 20000  # an API listens on loopback at its public port plus this; TLS is in front
DYNAMIC_ZONES = ("example",)  # zones that take RFC 2136 updates with the operator's key
TSIG_NAME = "socle"


@dataclass(frozen=True)
class Wiring:
    """Addresses of one lab, as the cloud file gives them."""

    host_link: ipaddress.IPv4Interface
    lab_link: ipaddress.IPv4Interface
    public: ipaddress.IPv4Network
    gateway: ipaddress.IPv4Address
    services: ipaddress.IPv4Address
    pool: tuple[str, str]
    domain: str
    region: str
    project: str
    hosts: dict[str, str]  # compute host: its zone
    external_network: str
    volume_type: str
    encrypted_type: str
    image: str
    flavours: dict[str, dict[str, float]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{name}.{self.domain}" for name in ("ns", "registry", "mirror", "time", "identity", "cloud"))

    @property
    def zones(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.hosts.values()))

    def hosts_of(self, zone: str) -> tuple[str, ...]:
        return tuple(host for host, its_zone in self.hosts.items() if its_zone == zone)


def cloud_file() -> dict[str, Any]:
    import yaml

    loaded: dict[str, Any] = yaml.safe_load((content.folder("stacks") / "clouds" / "lab.yaml").read_text())
    return loaded


@cache
def wiring() -> Wiring:
    cloud = cloud_file()
    lab = cloud["lab"]
    return Wiring(
        host_link=ipaddress.IPv4Interface(lab["link"]["host"]),
        lab_link=ipaddress.IPv4Interface(lab["link"]["guest"]),
        public=ipaddress.IPv4Network(cloud["external_network"]["cidr"]),
        gateway=ipaddress.IPv4Address(lab["gateway"]),
        services=ipaddress.IPv4Address(lab["services_address"]),
        pool=(lab["floating_pool"][0], lab["floating_pool"][1]),
        domain=lab["domain"],
        region=cloud["region"],
        project=cloud["project"],
        hosts=hosts({zone: lab["hosts"][zone] for zone in cloud["zones"]}),
        external_network=cloud["external_network"]["name"],
        volume_type=_volume_type(cloud, encrypted=False),
        encrypted_type=_volume_type(cloud, encrypted=True),
        image=next(iter(cloud["images"].values()))["name"],
        flavours=cloud["flavours"],
    )


def _volume_type(cloud: dict[str, Any], *, encrypted: bool) -> str:
    kinds: dict[str, dict[str, Any]] = cloud["volume_types"]
    return next(name for name, kind in kinds.items() if kind.get("encrypted", False) == encrypted)


def hosts(zones: dict[str, int]) -> dict[str, str]:
    """{zone: number of compute hosts} as {host: zone}, the hosts numbered through."""
    placed = [zone for zone, count in zones.items() for _ in range(count)]
    return {f"lab-{number}": zone for number, zone in enumerate(placed, 1)}


def layers_dir() -> Path:
    return cache_dir() / "lab"
