"""Configuration of the OpenStack services, rendered from this table to files under the lab's HOME.

oslo.config finds `~/.<project>/<project>.conf`: HOME replaces /etc, nothing is written there.
"""

from __future__ import annotations

from collections.abc import Mapping

from socle.lab import apis
from socle.lab.wiring import INSIDE, VENV, Wiring

Options = dict[str, object]
Sections = dict[str, Options]

PASTE = {
    "nova": "api-paste.ini", "neutron": "api-paste.ini", "cinder": "api-paste.ini", "glance": "glance-api-paste.ini",
    "designate": "api-paste.ini", "barbican": "barbican-api-paste.ini",
}  # fmt: skip
OVN: Options = {f"ovn_{name}_connection": f"unix:{INSIDE}/run/ovn/{name}.sock" for name in ("nb", "sb")}
PROXY: Options = {"enable_proxy_headers_parsing": True}  # version documents show the address the client used


def database(name: str, secrets: Mapping[str, str]) -> Options:
    port = apis.DATABASE_PORT
    return {"connection": f"mysql+pymysql://lab:{secrets['database']}@127.0.0.1:{port}/{name}?charset=utf8mb3"}


def account(user: str, secrets: Mapping[str, str], region: str) -> Options:
    """How a service signs in; always over loopback."""
    return {
        "auth_type": "password",
        "auth_url": apis.BY_NAME["keystone"].local + "/v3",
        "username": user,
        "password": secrets[user],
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": region,
    }


class Common:
    """What the files of all services are made from."""

    def __init__(self, where: Wiring, secrets: Mapping[str, str], mtu: int) -> None:
        self.where = where
        self.secrets = secrets
        self.mtu = mtu
        self.messages: Options = {
            "transport_url": f"rabbit://lab:{secrets['messages']}@127.0.0.1:{apis.MESSAGES_PORT}/"
        }

    def account(self, user: str) -> Options:
        return account(user, self.secrets, self.where.region)

    def inner(self, user: str) -> Options:
        return {**self.account(user), "valid_interfaces": "internal"}

    def common(self, name: str) -> Sections:
        """What every service but Keystone and Placement says alike."""
        return {
            "database": database(name, self.secrets),
            "keystone_authtoken": self.token(name),
            "oslo_concurrency": {"lock_path": f"{INSIDE}/run/{name}"},
            "oslo_messaging_rabbit": {"rabbit_quorum_queue": False, "heartbeat_in_pthread": False},
            "oslo_messaging_notifications": {"driver": "noop"},
            "oslo_middleware": PROXY,
        }

    def token(self, user: str) -> Options:
        return {
            **self.account(user),
            "interface": "internal",
            "www_authenticate_uri": apis.BY_NAME["keystone"].public(str(self.where.services)),
            "memcached_servers": f"127.0.0.1:{apis.CACHE_PORT}",
            "service_token_roles_required": True,
            "service_token_roles": "service",
        }


class Files(Common):
    """The files of the services that always run: `files()` gives {path below HOME: sections}."""

    def files(self) -> dict[str, Sections]:
        nova = self._nova()
        compute = {name: options for name, options in nova.items() if name not in ("api_database", "database")}
        found = {
            ".keystone/keystone.conf": self._keystone(),
            ".placement/placement.conf": self._placement(),
            ".glance/glance-api.conf": self._glance(),
            ".nova/nova.conf": nova,
            ".nova/compute.conf": compute,  # nova-compute has no database
            ".neutron/neutron.conf": self._neutron(),
            ".cinder/cinder.conf": self._cinder(),
        }
        for host in self.where.hosts:
            state = f"{INSIDE}/data/{host}"
            found[f".nova/{host}.conf"] = {
                "DEFAULT": {"host": host, "state_path": state, "instances_path": f"{INSIDE}/data/instances"}
            }
        return found

    def _keystone(self) -> Sections:
        return {
            "DEFAULT": {"max_token_size": 512},
            "database": database("keystone", self.secrets),
            "token": {"provider": "fernet", "expiration": 14400},
            "fernet_tokens": {"key_repository": f"{INSIDE}/data/fernet"},
            "fernet_receipts": {"key_repository": f"{INSIDE}/data/fernet"},
            "credential": {"key_repository": f"{INSIDE}/data/credential"},
            "cache": {
                "enabled": True,
                "backend": "dogpile.cache.pymemcache",
                "memcache_servers": f"127.0.0.1:{apis.CACHE_PORT}",
            },
            "oslo_messaging_notifications": {"driver": "noop"},
            "oslo_middleware": PROXY,
        }

    def _placement(self) -> Sections:
        return {
            "placement_database": database("placement", self.secrets),
            "keystone_authtoken": self.token("placement"),
            "api": {"auth_strategy": "keystone"},
            "oslo_middleware": PROXY,
        }

    def _glance(self) -> Sections:
        data = f"{INSIDE}/data"
        return {
            **self.common("glance"),
            "DEFAULT": {
                "enabled_backends": "fs:file",
                # without the brackets creating an image is a dropped connection
                "enabled_import_methods": "[glance-direct]",
                "worker_self_reference_url": apis.BY_NAME["glance"].local,
            },
            "paste_deploy": {"flavor": "keystone"},
            "glance_store": {"default_backend": "fs"},
            "fs": {"filesystem_store_datadir": f"{data}/glance"},
            "os_glance_staging_store": {"filesystem_store_datadir": f"{data}/glance-staging"},
            "os_glance_tasks_store": {"filesystem_store_datadir": f"{data}/glance-tasks"},
        }

    def _nova(self) -> Sections:
        filters = (
            "ComputeFilter", "ComputeCapabilitiesFilter", "ImagePropertiesFilter",
            "ServerGroupAntiAffinityFilter", "ServerGroupAffinityFilter",
        )  # fmt: skip
        return {
            **self.common("nova"),
            "DEFAULT": {
                **self.messages,
                "my_ip": "127.0.0.1",
                "state_path": f"{INSIDE}/data/nova",
                "compute_driver": "socle.NspawnDriver",
                "vif_plugging_is_fatal": True,
                "vif_plugging_timeout": 90,
                "enabled_apis": "",
                "service_down_time": 60,
                "report_interval": 10,
                "allow_resize_to_same_host": True,
                "resume_guests_state_on_host_boot": True,  # instances come back when the lab does
                "sync_power_state_interval": 60,
                "host": "lab",
            },
            "api": {"auth_strategy": "keystone"},
            "api_database": database("nova_api", self.secrets),
            "database": database("nova_cell1", self.secrets),
            # Cinder asks for a service token on attach and detach (CVE-2023-2088)
            "service_user": {**self.account("nova"), "send_service_user_token": True},
            "glance": self.inner("nova"),
            "neutron": {
                **self.inner("nova"),
                "service_metadata_proxy": True,
                "metadata_proxy_shared_secret": self.secrets["metadata"],
            },
            "placement": self.inner("nova"),
            "cinder": {
                **self.account("nova"),
                "catalog_info": "block-storage::internalURL",
                "os_region_name": self.where.region,
            },
            "conductor": {"workers": 1},
            # hosts are mapped into the cell by this; until then the first server is "No valid host"
            "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 3, "max_attempts": 3},
            # equal hosts in a random order: two members of a server group made at once seldom meet on one
            "filter_scheduler": {"enabled_filters": ",".join(filters), "shuffle_best_same_weighed_hosts": True},
            "quota": {"driver": "nova.quota.DbQuotaDriver"},
            "vnc": {"enabled": False},
            "cache": {"enabled": False},
        }

    def _neutron(self) -> Sections:
        return {
            **self.common("neutron"),
            "DEFAULT": {
                **self.messages,
                "core_plugin": "ml2",
                "service_plugins": "ovn-router,qos,segments,port_forwarding,trunk",
                "auth_strategy": "keystone",
                "state_path": f"{INSIDE}/data/neutron",
                "notify_nova_on_port_status_changes": True,
                "notify_nova_on_port_data_changes": True,
                "dns_domain": f"{self.where.domain}.",
                "dhcp_agents_per_network": 1,  # 0 kills the OVN maintenance worker
                "rpc_workers": 1,
                "network_auto_schedule": False,
                "allow_automatic_l3agent_failover": False,
                "global_physnet_mtu": self.mtu,  # of the host's way out: nothing is fragmented on the way
            },
            "nova": {**self.account("neutron"), "endpoint_type": "internal"},  # Neutron's word for the interface
            "placement": {**self.account("neutron"), "endpoint_type": "internal"},
            "ml2": {
                "type_drivers": "local,flat,vlan,geneve",
                "tenant_network_types": "geneve",
                "mechanism_drivers": "ovn",
                "extension_drivers": "port_security,qos",
                "overlay_ip_version": 4,
                "path_mtu": self.mtu,
            },
            "ml2_type_geneve": {"vni_ranges": "1:4000", "max_header_size": 38},
            "ml2_type_flat": {"flat_networks": "*"},
            "securitygroup": {"enable_security_group": True},
            "ovn": {
                **OVN,
                "ovn_metadata_enabled": True,  # the route only: cloud-init reads a directory
                "enable_distributed_floating_ip": True,
                "stateless_nat_enabled": True,  # keeps floating addresses out of the userspace conntrack
                "ovn_l3_scheduler": "leastloaded",
                "ovn_emit_need_to_frag": False,
                "dns_servers": str(self.where.services),
            },
        }

    def _cinder(self) -> Sections:
        """One back end for each zone, all in one folder: a volume knows its zone, its bytes do not."""
        backend: Options = {"volume_backend_name": "lab", "volume_driver": "socle_lab.cinder.FileDriver"}
        return {
            **self.common("cinder"),
            "DEFAULT": {
                **self.messages,
                "auth_strategy": "keystone",
                "my_ip": "127.0.0.1",
                "state_path": f"{INSIDE}/data/cinder",
                "enabled_backends": ",".join(self.where.zones),
                # seconds until the scheduler hears of a store again, when it was not there to hear the first time
                "periodic_interval": 5,
                "periodic_fuzzy_delay": 0,
                "backend_stats_polling_interval": 5,
                "default_volume_type": self.where.volume_type,
                "osapi_volume_workers": 1,
                "api_paste_config": f"{INSIDE}/etc/home/.cinder/api-paste.ini",
                "rootwrap_config": f"{VENV}/etc/cinder/rootwrap.conf",
                "host": "lab",
                "storage_availability_zone": self.where.zones[0],
                "glance_api_servers": apis.BY_NAME["glance"].local,
                "resource_query_filters_file": f"{VENV}/etc/cinder/resource_filters.json",
            },
            "service_user": {**self.account("cinder"), "send_service_user_token": True},
            "nova": {**self.account("cinder"), "interface": "internal"},
            "key_manager": {"backend": "barbican"},  # asked only for volumes of a type that is encrypted
            "barbican": {
                "auth_endpoint": apis.BY_NAME["keystone"].local + "/v3",
                "barbican_endpoint_type": "internal",
                "barbican_region_name": self.where.region,
            },
            **{zone: {**backend, "backend_availability_zone": zone} for zone in self.where.zones},
        }


def ini(sections: Sections) -> str:
    """oslo.config's notation; booleans in lower case."""
    lines = []
    for name, options in sections.items():
        lines.append(f"[{name}]")
        lines += [f"{key} = {str(v).lower() if isinstance(v, bool) else v}" for key, v in options.items()]
        lines.append("")
    return "\n".join(lines)
