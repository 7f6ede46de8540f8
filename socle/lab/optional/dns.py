"""Zones and records: Designate over the BIND that answers in every lab.

BIND takes each zone from Designate's own small server (`mdns`) and is told of new ones over its control channel. A zone
of Designate's may lie below one that BIND serves itself: the longer name wins. 450 MB (PSS, measured).
"""

from __future__ import annotations

import json

from socle.lab import apis, surroundings
from socle.lab.configuration import Common, Options, Sections, database, ini
from socle.lab.optional.group import Group
from socle.lab.services import ETC, HOME, Record, once, service, uwsgi
from socle.lab.wiring import INSIDE, VENV

POOL = "794ccc2c-d751-44fe-b57f-8894c9f5c842"  # Designate's default pool
KEY = "named/rndc.key"
ZONES = 30  # a project's; five for each of six stacks


def files(common: Common) -> dict[str, str]:
    api = apis.BY_NAME["designate"]
    one: Options = {"workers": 1}
    sections: Sections = {
        **common.common("designate"),
        "DEFAULT": {
            **common.messages,
            "state_path": f"{INSIDE}/data/designate",
            "default_ttl": 60,
            "rpc_response_timeout": 15,  # the first question to a central that still starts is lost
            "quota_zones": ZONES,
        },
        "storage:sqlalchemy": database("designate", common.secrets),
        "service:api": {
            "auth_strategy": "keystone",
            "enable_host_header": False,
            "api_base_uri": api.public(str(common.where.services)),
        },
        "service:central": {**one, "managed_resource_email": f"hostmaster@{common.where.domain}"},
        "service:producer": one,
        "service:worker": {**one, "threads": 20, "poll_max_retries": 5, "poll_retry_interval": 2, "poll_delay": 1},
        "service:mdns": {**one, "listen": f"127.0.0.1:{apis.NAMES_TRANSFER_PORT}"},
        # what a worker missed while it started is done by this
        "producer_task:worker_periodic_recovery": {"interval": 15},
        "coordination": {"backend_url": f"memcached://127.0.0.1:{apis.CACHE_PORT}"},
        "heartbeat_emitter": {"emitter_type": "noop"},
    }
    return {
        "home/.designate/designate.conf": ini(sections),
        "home/.designate/pools.yaml": json.dumps([pool(common.where.names[0])]),
        KEY: surroundings.rndc_key(common.secrets),
    }


def pool(name_server: str) -> Options:
    """In Designate's notation (JSON is YAML)."""
    bind: Options = {"host": "127.0.0.1", "port": apis.NAMES_PORT}
    control: Options = {"rndc_host": "127.0.0.1", "rndc_port": apis.NAMES_CONTROL_PORT, "rndc_key_file": f"{ETC}/{KEY}"}
    transfer: Options = {"host": "127.0.0.1", "port": apis.NAMES_TRANSFER_PORT}
    return {
        "name": "default",
        "id": POOL,
        "description": "the lab's BIND",
        "attributes": {},
        "ns_records": [{"hostname": f"{name_server}.", "priority": 1}],
        "nameservers": [bind],
        "targets": [{"type": "bind9", "masters": [transfer], "options": bind | control}],
    }


def rows() -> list[Record]:
    """Worker and producer start once the pool is known: they read it when they start."""
    configured = ["--config-file", f"{HOME}/.designate/designate.conf"]
    called, api = ["mariadb", "rabbitmq", "memcached"], apis.BY_NAME["designate"]

    def process(name: str, after: list[str]) -> Record:
        return service(f"designate-{name}", [f"{VENV}/bin/designate-{name}", *configured], after)

    update = [f"{VENV}/bin/designate-manage", *configured, "pool", "update", "--file", f"{HOME}/.designate/pools.yaml"]
    return [
        process("central", called),
        process("mdns", called),
        once("designate-pool", update, ["designate-central"]),
        process("worker", [*called, "designate-pool", "designate-mdns", "names"]),
        process("producer", [*called, "designate-pool"]),
        service(api.name, uwsgi(api), [*called, "keystone", "designate-pool"], api.local + "/"),
    ]


GROUP = Group("dns", files, rows, ("data/designate", "run/designate"))
