"""Objects: Swift on one disk, one copy of each; its own interface and S3's, on one port.

S3's signatures are of keys that Keystone knows; the operator's pair is in the access folder. Versions work in both
interfaces. S3's bucket policies, life cycles and object locks do not exist in Swift. What Swift's background processes
do (copies, audits, removal of what expired from listings) has no place on one disk: they do not run. 175 MB (PSS).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from socle.lab import access, apis
from socle.lab.configuration import Common, Options, Sections, ini
from socle.lab.optional.group import Group
from socle.lab.services import DATA, ETC, Record, once, service
from socle.lab.wiring import VENV, Wiring

STORES = {"account": apis.ACCOUNT_PORT, "container": apis.CONTAINER_PORT, "object": apis.OBJECT_PORT}
FILTERS = (
    "catch_errors", "gatekeeper", "healthcheck", "cache", "listing_formats", "bulk",
    "authtoken", "s3api", "s3token", "keystoneauth",  # S3's signatures are checked after the tokens, or never match
    "copy", "container_quotas", "account_quotas", "slo", "dlo", "versioned_writes", "symlink",
)  # fmt: skip
HEALTH = "/healthcheck"


def files(common: Common) -> dict[str, str]:
    salt = common.secrets["objects_salt"]
    shared: Sections = {
        "swift-hash": {"swift_hash_path_suffix": salt, "swift_hash_path_prefix": salt},
        "storage-policy:0": {"name": "default", "default": True},
    }
    found = {"swift/swift.conf": ini(shared), "swift/proxy.conf": ini(proxy(common))}
    for name, port in STORES.items():
        store: Sections = {
            "DEFAULT": {**process(port), "devices": f"{DATA}/swift", "mount_check": False},
            "pipeline:main": {"pipeline": f"{name}-server"},
            f"app:{name}-server": {"use": f"egg:swift#{name}"},
        }
        found[f"swift/{name}.conf"] = ini(store)
    return found


def process(port: int) -> Options:
    """One process, no workers; its log is what it prints."""
    return {
        "bind_ip": "127.0.0.1",
        "bind_port": port,
        "workers": 0,
        "swift_dir": f"{ETC}/swift",
        "user": "root",
        "log_level": "WARNING",
    }


def proxy(common: Common) -> Sections:
    keystone = apis.BY_NAME["keystone"]
    account = common.account("swift")
    settings: dict[str, Options] = {
        "cache": {"use": "egg:swift#memcache", "memcache_servers": f"127.0.0.1:{apis.CACHE_PORT}"},
        "authtoken": {
            "paste.filter_factory": "keystonemiddleware.auth_token:filter_factory",
            **common.token("swift"),
            "delay_auth_decision": True,
        },
        "s3api": {"location": common.where.region, "dns_compliant_bucket_names": True},
        "s3token": {**account, "auth_uri": f"{keystone.local}/v3", "delay_auth_decision": True},
        "keystoneauth": {"operator_roles": "admin, member"},
        "versioned_writes": {"allow_object_versioning": True},
    }
    filters: Sections = {
        f"filter:{name}": {**({} if name == "authtoken" else {"use": f"egg:swift#{name}"}), **settings.get(name, {})}
        for name in FILTERS
    }
    return {
        "DEFAULT": process(apis.BY_NAME["swift"].local_port),
        "pipeline:main": {"pipeline": " ".join((*FILTERS, "proxy-server"))},
        "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": True, "allow_account_management": True},
        **filters,
    }


def rows() -> list[Record]:
    ports = [f"{name}:{port}" for name, port in STORES.items()]
    rings = [f"{VENV}/bin/python", "-m", "socle_lab.swift_rings", f"{ETC}/swift", *ports]
    api = apis.BY_NAME["swift"]

    def server(kind: str, name: str, after: list[str], ready: str) -> Record:
        return service(name, [f"{VENV}/bin/swift-{kind}-server", f"{ETC}/swift/{kind}.conf", "-v"], after, ready)

    stores = [server(kind, f"swift-{kind}", ["swift-rings"], f"tcp:127.0.0.1:{port}") for kind, port in STORES.items()]
    needs = ["keystone", "memcached", *(row["name"] for row in stores)]
    return [once("swift-rings", rings), *stores, server("proxy", api.name, needs, api.local + HEALTH)]


def offer(_cloud: Any, where: Wiring, secrets: Mapping[str, str]) -> None:
    """The operator's pair of keys for S3: its application credential may not make one."""
    from openstack.exceptions import raise_from_response

    from socle.lab import seed

    with seed.connect(where, secrets["operator"], access.CERTIFICATE, where.project, where.project) as own:
        pairs = f"/users/{own.current_user_id}/credentials/OS-EC2"
        listed = own.identity.get(pairs)
        raise_from_response(listed)
        if known := listed.json()["credentials"]:
            pair = known[0]
        else:
            made = own.identity.post(pairs, json={"tenant_id": own.current_project_id})
            raise_from_response(made)
            pair = made.json()["credential"]
    access.write_s3(pair["access"], pair["secret"])


GROUP = Group("object-store", files, rows, ("data/swift/disk",), offer)
