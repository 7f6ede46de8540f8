"""Brings the lab up: layers, configuration, namespaces, services, what an operator offers. May be repeated."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socle.errors import MachineError
from socle.files import write_file
from socle.lab import (
    access,
    authority,
    configuration,
    console,
    container_image,
    down,
    layers,
    link,
    machine,
    passwords,
    preflight,
    recipes,
    seed,
    services,
    surroundings,
    wiring,
    world,
)
from socle.lab.console import phase
from socle.messages import _

READY = wiring.RUN / "ready.json"
PATIENCE = 240.0  # seconds for all services to answer on a busy machine


@dataclass(frozen=True)
class Layers:
    userland: layers.Layer
    openstack: layers.Layer
    database: layers.Layer
    node_image: layers.Layer

    @classmethod
    def of(cls, host: machine.Machine) -> Layers:
        base = recipes.userland(host)
        venv = recipes.openstack(host, base)
        return cls(base, venv, recipes.database(host, base, venv), recipes.node_image(host))

    @property
    def all(self) -> tuple[layers.Layer, ...]:
        return self.userland, self.openstack, self.database, self.node_image

    def build(self) -> None:
        """Two chains side by side: the cloud's own root, and the image of its instances."""
        chains: tuple[tuple[layers.Layer, ...], ...] = (
            (self.userland, self.openstack, self.database),
            (self.node_image,),
        )

        def chain(parts: tuple[layers.Layer, ...]) -> None:
            for layer in parts:
                layer.ensure()

        with ThreadPoolExecutor(len(chains)) as pool:
            list(pool.map(chain, chains))


def up() -> None:
    """Raises MachineError; what is done stays done, and the next call goes on from there."""
    if running_and_ready():
        console.say(_("the lab is up"))
        return
    preflight.require_programs()
    host, where = machine.read(), wiring.wiring()
    stack = Layers.of(host)
    if not world.pid():
        if wiring.HOME.exists():
            down.clean(stack.userland.path / "root")
        link.require_free(where)
        preflight.require_machine()
        preflight.require_space([layer for layer in stack.all if not layer.built])
    layers.remove_leftovers()
    stack.build()
    secrets = passwords.load(wiring.SECRETS, services_users())
    access.prepare()
    if not world.pid():
        with phase(_("configure")):
            configure(host, where, secrets, stack)
        with phase(_("namespaces")):
            boot(stack)
    link.connect(where, world.pid(), stack.userland.path / "root", host.resolvers)
    access.write(where, secrets)
    wait_for_services(("keystone", "tls"))
    offer(where, secrets, stack)
    wait_for_services(())
    READY.write_text(json.dumps({"layers": [layer.path.name for layer in stack.all], "at": time.time()}))
    console.say(_("the lab is up: {url}").format(url=f"https://{where.services}:5000/v3"))


def services_users() -> tuple[str, ...]:
    from socle.lab.apis import SERVICE_USERS

    return SERVICE_USERS


def running_and_ready() -> bool:
    return bool(world.pid()) and READY.exists() and not unready(())


def configure(host: machine.Machine, where: wiring.Wiring, secrets: dict[str, str], stack: Layers) -> None:
    """Everything below etc/, the code in the root, the first database."""
    shutil.rmtree(wiring.ETC, ignore_errors=True)
    for folder in (wiring.UPPER, wiring.WORK, wiring.RUN):
        shutil.rmtree(folder, ignore_errors=True)
    for folder in (wiring.ETC, wiring.DATA, wiring.LOG, wiring.RUN, wiring.UPPER):
        folder.mkdir(parents=True, exist_ok=True)
    etc = wiring.ETC
    files = configuration.Files(where, secrets, host.mtu)
    recipes.write_configuration(etc, files, stack.openstack.path / "upper")
    texts = {
        "my.cnf": surroundings.mariadb(),
        "rabbitmq.conf": surroundings.rabbitmq(secrets),
        "chrony.conf": surroundings.chrony(where),
        "registry.yml": surroundings.registry(),
        "mirror/acng.conf": surroundings.mirror(where, host),
        "haproxy.cfg": surroundings.haproxy(where),
        "nft.conf": surroundings.firewall(where),
        "mysql-start.sql": start_sql(secrets, where),
        "services.json": json.dumps(services.table(where), indent=1),
    }
    for name, text in texts.items():
        write_file(etc / name, text)
    for name, text in surroundings.named(where, host, secrets).items():
        if name.endswith(".zone"):
            target = wiring.DATA / "named" / name
            if not target.exists():  # a zone that was updated stays as it is
                write_file(target, text)
        else:
            write_file(etc / "named" / name, text)
    authority.ensure_authority(access.CERTIFICATE, access.KEY)
    authority.services_certificate(access.CERTIFICATE, access.KEY, where, etc / "tls/services.pem")
    data_folders(stack)
    root_files(host)


def data_folders(stack: Layers) -> None:
    for name in ("glance", "glance-staging", "glance-tasks", "nova", "neutron", "cinder/volumes", "instances"):
        (wiring.DATA / name).mkdir(parents=True, exist_ok=True)
    for name in (*wiring.COMPUTE_HOSTS,):
        (wiring.DATA / name).mkdir(exist_ok=True)
    for name in ("glance", "nova", "neutron", "cinder"):
        (wiring.RUN / name).mkdir(exist_ok=True)
    for keys in ("fernet", "credential"):
        passwords.fernet_keys(wiring.DATA / keys)
    (wiring.layers_dir() / "mirror").mkdir(exist_ok=True)
    if not (wiring.DATA / "mysql").exists():
        part = wiring.DATA / "mysql.part"
        shutil.rmtree(part, ignore_errors=True)
        from socle.lab.commands import run

        run(["cp", "-a", "--reflink=auto", str(stack.database.path / "mysql"), str(part)])
        part.rename(wiring.DATA / "mysql")
    owned_by(stack, "mysql", [wiring.ETC / "my.cnf", wiring.ETC / "mysql-start.sql"])
    owned_by(stack, "rabbitmq", [wiring.ETC / "rabbitmq.conf"])
    owned_by(stack, "apt-cacher-ng", [wiring.ETC / "mirror", wiring.ETC / "mirror/acng.conf"])
    owned_by(stack, "bind", [])


def owned_by(stack: Layers, user: str, paths: list[Path]) -> None:
    """Users are the ones of the lab's root, not the host's."""
    import os

    for line in (stack.userland.path / "root/etc/passwd").read_text().splitlines():
        fields = line.split(":")
        if fields[0] == user:
            for path in paths:
                os.chown(path, int(fields[2]), int(fields[3]))


def root_files(host: machine.Machine) -> None:
    world.install_code(wiring.UPPER)
    etc = wiring.UPPER / "etc"
    (etc / "ssl/certs").mkdir(parents=True)
    (etc / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (etc / "hostname").write_text("lab\n")
    if host.bundle:
        shutil.copy(host.bundle, etc / "ssl/certs/ca-certificates.crt")


def start_sql(secrets: dict[str, str], where: wiring.Wiring) -> str:
    """Run by MariaDB at each start: this lab's passwords. One statement per line, as init-file wants it."""
    lines = [
        f"CREATE OR REPLACE USER lab@'127.0.0.1' IDENTIFIED BY '{secrets['database']}';",
        "GRANT ALL ON *.* TO lab@'127.0.0.1';",
    ]
    users = {"admin": secrets["admin"], where.project: secrets["operator"]}
    users |= {user: secrets[user] for user in services_users()}
    for user, password in users.items():
        lines.append(
            "UPDATE keystone.password p JOIN keystone.local_user u ON u.id = p.local_user_id "  # noqa: S608
            f"SET p.password_hash = '{passwords.keystone_hash(password)}' WHERE u.name = '{user}';"
        )
    return "\n".join(lines) + "\n"


def boot(stack: Layers) -> None:
    binds = [(getattr(wiring, name.upper()), f"{wiring.INSIDE}/{name}") for name in ("data", "etc", "log", "run")]
    binds.append((wiring.layers_dir() / "mirror", f"{wiring.INSIDE}/mirror"))
    table, state = f"{wiring.INSIDE}/etc/services.json", f"{wiring.INSIDE}/run/services.json"
    root = stack.userland.path / "root"
    supervisor = ["/usr/bin/python3", "-I", f"{wiring.CODE}/supervisor.py", table, state]
    world.boot([stack.openstack.path / "upper", root], binds, supervisor)


def service_states() -> dict[str, dict[str, Any]]:
    try:
        loaded: dict[str, dict[str, Any]] = json.loads(wiring.SERVICES.read_text())
    except (OSError, ValueError):
        return {}
    return loaded


def unready(names: tuple[str, ...]) -> list[str]:
    states = service_states()
    if not states:
        return ["supervisor"]
    return [n for n in (names or tuple(states)) if states.get(n, {}).get("state") not in ("ready", "done")]


def broken() -> bool:
    """A service that ended five times will not come up by waiting."""
    return any(state["restarts"] >= 5 for state in service_states().values())


def wait_for_services(names: tuple[str, ...]) -> None:
    """Until these (all, when none is named) are ready."""
    with phase(_("services: {names}").format(names=", ".join(names) or _("all"))):
        end = time.monotonic() + PATIENCE
        while missing := unready(names):
            if not world.pid():
                raise MachineError("SOC-6011", _("the lab ended while it started"), hint=str(wiring.LOG / "init.log"))
            if time.monotonic() > end or broken():
                raise MachineError(
                    "SOC-6011",
                    _("services of the lab do not start: {names}").format(names=", ".join(missing)),
                    hint=_("their logs are in {path}").format(path=wiring.LOG),
                )
            time.sleep(0.1)


def offer(where: wiring.Wiring, secrets: dict[str, str], stack: Layers) -> None:
    """Image, flavours, network, volume type: each as soon as its service answers."""
    disk = stack.node_image.path / "disk.raw"
    needs: tuple[tuple[str, tuple[str, ...], Callable[[Any], None]], ...] = (
        (_("offer the image"), ("glance",), lambda cloud: seed.image(cloud, where, disk)),
        (_("offer the external network"), ("neutron",), lambda cloud: seed.external_network(cloud, where)),
        (_("offer flavours, wait for the compute hosts"), ("nova",), lambda cloud: computing(cloud, where)),
        (_("offer the volume type"), ("cinder",), lambda cloud: seed.volume_type(cloud, where)),
        (
            _("offer the container image"),
            ("registry",),
            lambda _cloud: container_image.offer(f"registry.{where.domain}"),
        ),
    )

    def one(need: tuple[str, tuple[str, ...], Callable[[Any], None]]) -> None:
        name, wanted, action = need
        end = time.monotonic() + PATIENCE
        while unready(wanted) and time.monotonic() < end and world.pid() and not broken():
            time.sleep(0.1)
        if unready(wanted):
            return  # reported by who waits for all
        with phase(name):
            _once_it_answers(lambda: action(seed.connect(where, secrets["admin"], access.CERTIFICATE)), end)

    with ThreadPoolExecutor(len(needs)) as pool:
        list(pool.map(one, needs))


def _once_it_answers(action: Callable[[], None], end: float) -> None:
    """TLS in front answers 502 or 503 for a moment after a service is ready behind it."""
    from keystoneauth1.exceptions.http import HttpServerError
    from openstack.exceptions import HttpException

    while True:
        try:
            return action()
        except (HttpException, HttpServerError) as error:
            status = error.http_status if isinstance(error, HttpServerError) else error.status_code
            if (status or 0) < 500 or time.monotonic() > end:
                raise
            time.sleep(1)


def computing(cloud: Any, where: wiring.Wiring) -> None:
    seed.flavours(cloud, where)
    seed.wait_for_hosts(cloud)
