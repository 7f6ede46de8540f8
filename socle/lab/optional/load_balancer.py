"""Load balancers: Octavia with the provider `ovn`, which carries real traffic (layer 4) and needs no instance.

OVN itself probes the members and passes connections on; Octavia's API writes that into OVN's database, and its driver
agent hears from there which member is dead. The workers, health managers and certificates of Octavia belong to its
other provider (amphora, a virtual machine for each load balancer) and do not run here. 310 MB (PSS, measured).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socle.lab import apis, quotas
from socle.lab.configuration import OVN, Common, Sections, ini
from socle.lab.optional.group import Group
from socle.lab.services import HOME, Record, service, uwsgi
from socle.lab.wiring import VENV, Wiring

SOCKETS = "/run/octavia"  # octavia-lib knows no other place


def files(common: Common) -> dict[str, str]:
    sections: Sections = {
        **common.common("octavia"),
        "DEFAULT": common.messages,
        "api_settings": {
            "auth_strategy": "keystone",
            "api_base_uri": apis.BY_NAME["octavia"].public(str(common.where.services)),
            "enabled_provider_drivers": "ovn:OVN layer 4",
            "default_provider_driver": "ovn",
        },
        "service_auth": common.inner("octavia"),
        "neutron": common.inner("octavia"),
        "oslo_messaging": {"topic": "octavia"},
        "task_flow": {"jobboard_enabled": False},
        "driver_agent": {"enabled_provider_agents": "ovn"},
        "ovn": OVN,
    }
    return {"home/.octavia/octavia.conf": ini(sections)}


def rows() -> list[Record]:
    """The API looks for the agent's sockets when it starts."""
    agent = [f"{VENV}/bin/octavia-driver-agent", "--config-file", f"{HOME}/.octavia/octavia.conf"]
    needs = ["mariadb", "rabbitmq", "keystone", "neutron", "ovn-nb", "ovn-sb"]
    api = apis.BY_NAME["octavia"]
    return [
        service("octavia-driver-agent", agent, needs, f"file:{SOCKETS}/get.sock", owns=[SOCKETS]),
        service(api.name, uwsgi(api), ["octavia-driver-agent", "memcached"], api.local + "/"),
    ]


def offer(cloud: Any, where: Wiring, _secrets: Mapping[str, str]) -> None:
    project = cloud.identity.find_project(where.project, ignore_missing=False).id
    cloud.load_balancer.update_quota(project, **quotas.of("load_balancer"))


GROUP = Group("load-balancer", files, rows, ("run/octavia",), offer)
