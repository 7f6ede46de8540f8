"""Brings the lab up: layers, configuration, namespaces, services, what an operator offers. May be repeated."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from socle.errors import MachineError
from socle.files import write_file
from socle.lab import (
    access,
    apis,
    authority,
    configuration,
    console,
    credential,
    down,
    images,
    layers,
    link,
    machine,
    optional,
    passwords,
    preflight,
    recipes,
    seed,
    services,
    surroundings,
    wiring,
    world,
)
from socle.lab.apis import SERVICE_USERS
from socle.lab.console import phase
from socle.lab.optional import identity
from socle.lab.optional.group import Group
from socle.messages import _

READY = wiring.RUN / "ready.json"
LAYERS = wiring.RUN / "layers.json"  # what the lab that runs was made from
FIREWALL = "nft.conf"
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

    @property
    def names(self) -> list[str]:
        return [layer.path.name for layer in self.all]

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


def up(asked: Iterable[str] = (), domains: Iterable[str] = ()) -> None:
    """`asked`: optional groups, beside those that the lab has; `domains`: of stacks whose users log in here.

    Raises MachineError; what is done stays done, and the next call goes on from there.
    """
    where = wiring.wiring()
    if running_and_ready(asked) and images.current():
        secrets = passwords.load(wiring.SECRETS, SERVICE_USERS)
        identity.admit(where, secrets, domains)
        hand_out(where, secrets)
        console.say(_("the lab is up"))
        return
    preflight.require_programs()
    host = machine.read()
    stack = Layers.of(host)
    if world.pid():
        require_same(stack)
    else:
        if wiring.HOME.exists():
            down.clean(stack.userland.path / "root")
        link.require_free(where)
        preflight.require_machine()
        preflight.require_space([layer for layer in stack.all if not layer.built])
    layers.remove_leftovers()
    stack.build()
    secrets = passwords.load(wiring.SECRETS, SERVICE_USERS)
    access.prepare()
    groups = optional.remember(asked)
    identity.remember(domains)
    if not world.pid():
        with phase(_("configure")):
            configure(host, where, secrets, stack)
            prepare(where, secrets, groups)
            list_services(where, groups)
            write_file(LAYERS, json.dumps(stack.names))
        with phase(_("namespaces")):
            boot(stack)
    else:
        prepare(where, secrets, groups)
        list_services(where, groups)
        world.reread()
        world.inside(["nft", "-f", f"{wiring.INSIDE}/etc/{FIREWALL}"])
    link.connect(where, world.pid(), stack.userland.path / "root", host.resolvers)
    wait_for_services(("keystone", "tls"))
    once_it_answers(lambda: hand_out(where, secrets))
    offer(where, secrets, stack, host, groups)
    wait_for_services(())
    write_file(READY, json.dumps({"groups": groups, "at": time.time()}))
    console.say(_("the lab is up: {url}").format(url=f"https://{where.services}:5000/v3"))


def prepare(where: wiring.Wiring, secrets: dict[str, str], groups: Sequence[str]) -> None:
    for name in groups:
        optional.GROUPS[name].prepare(where, secrets)


def running_and_ready(asked: Iterable[str] = ()) -> bool:
    """With every group that is asked for or was."""
    if not world.pid() or not LAYERS.exists() or unready(()):
        return False
    try:
        done = json.loads(READY.read_text())
    except FileNotFoundError:
        return False
    return {*asked, *optional.remembered()} <= set(done.get("groups", ()))


def require_same(stack: Layers) -> None:
    """SOC-6013 when the lab that runs was made from other layers: what is added would not fit."""
    try:
        runs = json.loads(LAYERS.read_text())
    except FileNotFoundError:
        runs = None
    if runs != stack.names:
        raise MachineError(
            "SOC-6013", _("the lab that runs was made by another version of Socle"), hint="socle lab down; socle lab up"
        )


def hand_out(where: wiring.Wiring, secrets: dict[str, str]) -> None:
    """What an operator gets; the credential is another one when the last is about to end."""
    given = credential.ensure(where, secrets)
    access.write(where, secrets, given.id, given.secret)


def list_services(where: wiring.Wiring, groups: Sequence[str]) -> None:
    """What runs, and what the firewall lets in for it."""
    rows = [*services.table(where), *optional.rows(where, groups)]
    write_file(wiring.ETC / "services.json", json.dumps(rows, indent=1))
    write_file(wiring.ETC / FIREWALL, surroundings.firewall(where, apis.offered(groups)))


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
        "tls.cfg": surroundings.haproxy(where, "tls", apis.APIS, registry=True),
        "mysql-start.sql": start_sql(secrets, where),
    }
    for name, text in texts.items():
        write_file(etc / name, text)
    for name, text in surroundings.named(where, host, secrets).items():
        if name.endswith(".zone"):
            target = wiring.DATA / "named" / name
            # a zone that was updated stays as it is; nobody updates the lab's own, and older data may have fewer names
            if target.stem == where.domain or not target.exists():
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
    for name in wiring.wiring().hosts:
        (wiring.DATA / name).mkdir(exist_ok=True)
    for group in optional.GROUPS.values():
        for name in group.folders:
            (wiring.HOME / name).mkdir(parents=True, exist_ok=True)
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
    users |= {user: secrets[user] for user in SERVICE_USERS}
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


def offer(
    where: wiring.Wiring, secrets: dict[str, str], stack: Layers, host: machine.Machine, groups: Sequence[str]
) -> None:
    """Image, flavours, zones, network, volume type, optional services: each as soon as its service answers."""
    disk = stack.node_image.path / "disk.raw"
    needs: list[tuple[str, tuple[str, ...], Callable[[Any], None]]] = [
        (_("offer the image"), ("glance",), lambda cloud: seed.image(cloud, where, disk)),
        (_("offer the external network"), ("neutron",), lambda cloud: networking(cloud, where)),
        (_("offer flavours and zones, wait for the compute hosts"), ("nova",), lambda cloud: computing(cloud, where)),
        (_("offer the volume type"), ("cinder",), lambda cloud: storage(cloud, where)),
        (
            _("offer the container images"),
            ("registry",),
            lambda _cloud: images.offer(f"registry.{where.domain}", host),
        ),
    ]
    for group in (optional.GROUPS[name] for name in groups):
        rows = tuple(row["name"] for row in group.services(where))
        # Octavia and Designate answer through Neutron, Cinder asks Barbican: all is there when they are offered.
        name = _("offer {service}").format(service=group.name)
        needs.append((name, (*rows, "neutron", "cinder"), partial(offer_group, where, secrets, group)))

    def one(need: tuple[str, tuple[str, ...], Callable[[Any], None]]) -> None:
        name, wanted, action = need
        end = time.monotonic() + PATIENCE
        while unready(wanted) and time.monotonic() < end and world.pid() and not broken():
            time.sleep(0.1)
        if unready(wanted):
            return  # reported by who waits for all
        with phase(name):
            once_it_answers(lambda: action(seed.connect(where, secrets["admin"], access.CERTIFICATE)), end)

    with ThreadPoolExecutor(len(needs)) as pool:
        list(pool.map(one, needs))


def once_it_answers(action: Callable[[], None], end: float = 0.0) -> None:
    """TLS in front answers 502 or 503 for a moment after a service is ready behind it."""
    end = end or time.monotonic() + PATIENCE
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
    seed.project_quotas(cloud, where, "compute")
    seed.flavours(cloud, where)
    seed.wait_for_hosts(cloud, where)
    seed.zones(cloud, where)


def networking(cloud: Any, where: wiring.Wiring) -> None:
    seed.project_quotas(cloud, where, "network")
    seed.external_network(cloud, where)


def storage(cloud: Any, where: wiring.Wiring) -> None:
    seed.project_quotas(cloud, where, "volume")
    seed.volume_type(cloud, where)
    seed.wait_for_backends(cloud, where)


def offer_group(where: wiring.Wiring, secrets: dict[str, str], group: Group, cloud: Any) -> None:
    """Into the catalogue first; a token made after that knows the service."""
    seed.register(cloud, where, group.api)
    group.offer(seed.connect(where, secrets["admin"], access.CERTIFICATE), where, secrets)
