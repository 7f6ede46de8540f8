"""Fills an empty MariaDB with what every lab starts from: schemas, cells, roles, users, catalogue.

Runs once, in namespaces without any network, on the lab's OpenStack Python. The passwords written here are void: each
lab sets its own when its database starts.
"""

from __future__ import annotations

import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

LAB = Path("/lab")
BIN = "/opt/openstack/bin"
SOCKET = LAB / "run/mysql/mysqld.sock"
DATABASES = (
    "keystone", "placement", "glance", "nova_api", "nova_cell0", "nova_cell1", "neutron", "cinder",
    "octavia", "designate", "barbican",
)  # fmt: skip
URL = "{scheme}://{username}:{password}@{hostname}:{port}"
VOID = "void"
JOBS = (
    ("keystone-manage db_sync",),
    ("placement-manage db sync",),
    ("glance-manage db_sync",),
    (
        "nova-manage api_db sync",
        f"nova-manage cell_v2 map_cell0 --database_connection {URL}/nova_cell0?{{query}}",
        "nova-manage db sync",
        # templates, filled from each process's own configuration: no password in the database
        f"nova-manage cell_v2 create_cell --name cell1 --database_connection {URL}/nova_cell1?{{query}} "
        f"--transport-url {URL}/",
    ),
    ("neutron-db-manage --config-file /lab/etc/home/.neutron/neutron.conf upgrade heads",),
    ("cinder-manage db sync",),
    ("octavia-db-manage upgrade head",),
    ("designate-manage --config-file /lab/etc/home/.designate/designate.conf database sync",),
    ("barbican-manage db upgrade",),
)


def run(command: str) -> None:
    began = time.monotonic()
    words = command.split()
    subprocess.run([f"{BIN}/{words[0]}", *words[1:]], check=True, cwd=LAB)
    print(f"{time.monotonic() - began:6.1f} s {words[0]}", flush=True)


def sql(text: str) -> None:
    subprocess.run(["mariadb", "-S", str(SOCKET)], input=text, text=True, check=True)


def until(command: list[str], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while subprocess.run(command, capture_output=True, check=False).returncode:
        if time.monotonic() > end:
            raise SystemExit(f"gave up: {command}")
        time.sleep(0.2)


def identity(plan: dict) -> None:
    """Through Keystone itself, in this process: no server is needed."""
    import uuid

    import keystone.conf
    from keystone.cmd import bootstrap
    from keystone.common import provider_api

    keystone.conf.configure()
    CONF = keystone.conf.CONF
    CONF([], project="keystone", default_config_files=["/lab/etc/home/.keystone/keystone.conf"])
    CONF.set_override("enabled", False, "cache")
    first = bootstrap.Bootstrapper()
    name, kind, public, local = plan["catalogue"][0]
    first.admin_password, first.admin_username, first.project_name = VOID, "admin", "admin"
    first.admin_role_name, first.service_name, first.region_id = "admin", name, plan["region"]
    first.immutable_roles = False
    first.public_url, first.internal_url, first.admin_url = public, local, local
    first.bootstrap()
    api = provider_api.ProviderAPIs
    roles = {role["name"]: role["id"] for role in api.role_api.list_roles()}
    for name in set(plan["roles"]) - set(roles):
        roles[name] = uuid.uuid4().hex
        api.role_api.create_role(roles[name], {"id": roles[name], "name": name, "domain_id": None, "description": ""})

    def project(name: str) -> str:
        new = uuid.uuid4().hex
        record = {"id": new, "name": name, "domain_id": "default", "enabled": True, "is_domain": False,
                  "parent_id": "default", "description": ""}  # fmt: skip
        api.resource_api.create_project(new, record)
        return new

    def user(name: str, home: str, granted: tuple[str, ...]) -> None:
        record = {"name": name, "password": VOID, "domain_id": "default", "enabled": True, "default_project_id": home}
        made = api.identity_api.create_user(record)
        for role in granted:
            api.assignment_api.add_role_to_user_and_project(made["id"], home, roles[role])

    service_project = project("service")
    for name in plan["users"]:
        user(name, service_project, ("admin", "service"))
    user(plan["project"], project(plan["project"]), plan["roles"])
    for name, kind, public, local in plan["catalogue"][1:]:
        service = uuid.uuid4().hex
        api.catalog_api.create_service(service, {"id": service, "name": name, "type": kind, "enabled": True})
        for interface, url in (("public", public), ("internal", local), ("admin", local)):
            new = uuid.uuid4().hex
            record = {"id": new, "service_id": service, "interface": interface, "url": url, "enabled": True,
                      "region_id": plan["region"]}  # fmt: skip
            api.catalog_api.create_endpoint(new, record)


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    data, run_folder = LAB / "data/mysql", LAB / "run/mysql"
    for folder in (data, run_folder):
        folder.mkdir(parents=True)
        subprocess.run(["chown", "mysql:mysql", str(folder)], check=True)
    files = f"--defaults-file={LAB}/etc/my.cnf"
    subprocess.run(
        ["mariadb-install-db", files, "--auth-root-authentication-method=socket", "--skip-test-db"], check=True
    )
    server = subprocess.Popen(["mariadbd", files])
    cache = subprocess.Popen(["memcached", "-u", "nobody", "-l", "127.0.0.1", "-p", "21211", "-U", "0"])
    until(["mariadb-admin", "-S", str(SOCKET), "ping"])
    sql("".join(f"create database {name} character set utf8mb3;\n" for name in DATABASES))
    sql("create user lab@'127.0.0.1' identified by 'build'; grant all on *.* to lab@'127.0.0.1';")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda job: [run(command) for command in job], JOBS))
    for keys in ("fernet", "credential"):
        subprocess.run(
            [f"{BIN}/keystone-manage", f"{keys}_setup", "--keystone-user", "root", "--keystone-group", "root"],
            check=True,
        )
    identity(json.loads((LAB / "etc/plan.json").read_text()))
    sql("drop user lab@'127.0.0.1';")
    subprocess.run(["mariadb-admin", "-S", str(SOCKET), "shutdown"], check=True)
    server.wait(60)
    cache.terminate()


if __name__ == "__main__":
    main()
