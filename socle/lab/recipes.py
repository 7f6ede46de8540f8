"""Recipes of the lab's layers: userland, openstack, database, node-image."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from socle.files import write_file
from socle.lab import apis, configuration, credential, optional, passwords, services, surroundings, wiring
from socle.lab.commands import run
from socle.lab.layers import Layer
from socle.lab.machine import SUITE, Machine, require_debian_keys
from socle.lab.world import INSIDE_CODE

HERE = Path(__file__).parent
CONSTRAINTS = HERE / "constraints.txt"
PACKAGES = (
    "mariadb-server", "rabbitmq-server", "memcached", "bind9", "bind9-utils", "bind9-dnsutils", "haproxy",
    "ovn-central", "ovn-host", "openvswitch-switch", "ethtool", "nftables", "iproute2", "iputils-ping",
    "systemd-container", "e2fsprogs", "qemu-utils", "procps", "ca-certificates",
    "docker-registry", "apt-cacher-ng", "chrony", "nodejs",
    "python3-venv", "python3-dev", "build-essential", "pkg-config", "libpcre2-dev",
)  # fmt: skip
NODE_PACKAGES = (
    "systemd", "systemd-sysv", "systemd-resolved", "dbus", "libpam-systemd", "openssh-server", "cloud-init", "python3",
    "python3-apt", "sudo", "nftables", "iproute2", "iputils-ping", "netcat-openbsd", "ethtool", "ca-certificates",
    "procps", "less", "netbase", "curl", "e2fsprogs", "cron", "linux-sysctl-defaults",
)  # fmt: skip
WITHOUT = tuple(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale"))
REQUIREMENTS = (
    "keystone", "openstack-placement", "glance", "neutron", "nova", "cinder",
    "octavia", "ovn-octavia-provider", "designate", "barbican", "swift",
    "PyMySQL", "pymemcache", "python-memcached", "uwsgi",
)  # fmt: skip


def text_of(*files: Path) -> str:
    return "\n".join(file.read_text() for file in files)


def mmdebstrap(packages: tuple[str, ...], machine: Machine, target: Path, log: Path, variant: str = "minbase") -> None:
    require_debian_keys()
    sources = target.parent / f"{target.name}.list"
    sources.write_text("\n".join(machine.apt_lines()) + "\n")
    options = ['--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"']
    if machine.apt_proxy:
        options.append(f'--aptopt=Acquire::http::Proxy "{machine.apt_proxy}"')
    try:
        run(
            ["mmdebstrap", "--mode=root", f"--variant={variant}", f"--include={','.join(packages)}", *options, *WITHOUT,
             SUITE, str(target), str(sources)],
            log=log,
        )  # fmt: skip
    finally:
        sources.unlink(missing_ok=True)


def log_file(name: str) -> Path:
    return wiring.LOG / f"build-{name}.log"


def userland(machine: Machine) -> Layer:
    def build(folder: Path) -> None:
        root = folder / "root"
        mmdebstrap(PACKAGES, machine, root, log_file("userland"))
        (root / "etc/hosts").write_text("127.0.0.1 localhost lab\n")

    return Layer("userland", json.dumps([SUITE, PACKAGES, machine.debian, WITHOUT]), build, 1.2)


@contextmanager
def chroot(lower: list[Path], scratch: Path, machine: Machine) -> Iterator[Path]:
    """A writable root on the layers, its changes in scratch/upper; with the host's names and certificates."""
    upper, work, root = (scratch / name for name in ("upper", "work", "merged"))
    for folder in (upper, work, root):
        folder.mkdir(parents=True)
    options = f"lowerdir={':'.join(map(str, lower))},upperdir={upper},workdir={work}"
    mounted: list[Path] = []
    try:
        run(["mount", "-t", "overlay", "-o", options, "overlay", str(root)])
        mounted.append(root)
        for name in ("proc", "dev"):
            run(["mount", "--rbind", f"/{name}", str(root / name)])
            run(["mount", "--make-rslave", str(root / name)])
            mounted.append(root / name)
        shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
        if machine.bundle:
            shutil.copy(machine.bundle, root / "etc/ssl/certs/ca-certificates.crt")
        yield root
    finally:
        for path in reversed(mounted):
            subprocess.run(["umount", "-R", str(path)], capture_output=True, check=False)
        shutil.rmtree(work, ignore_errors=True)
        root.rmdir()


def openstack(machine: Machine, base: Layer) -> Layer:
    lock = CONSTRAINTS.read_text()

    def build(folder: Path) -> None:
        with chroot([base.path / "root"], folder, machine) as root:
            (root / "tmp/constraints.txt").write_text(lock)
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", **machine.pip}
            environment |= {"PIP_NO_CACHE_DIR": "1", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
            pip = ["chroot", str(root), f"{wiring.VENV}/bin/pip", "install", "-q"]
            log = log_file("openstack")
            run(["chroot", str(root), "python3", "-m", "venv", wiring.VENV], log=log, env=environment)
            run([*pip, "setuptools<81", "wheel"], log=log, env=environment)
            run([*pip, "-c", "/tmp/constraints.txt", *REQUIREMENTS], log=log, env=environment)  # noqa: S108
        for extra in ("tmp", "etc", "root", "var"):
            shutil.rmtree(folder / "upper" / extra, ignore_errors=True)

    return Layer("openstack", json.dumps([base.digest, lock, REQUIREMENTS]), build, 1.0)


def database(machine: Machine, base: Layer, venv: Layer) -> Layer:
    """A MariaDB data folder with every schema, the roles, the users and the catalogue; its passwords are void."""
    where = wiring.wiring()
    plan = {
        "region": where.region,
        "project": where.project,
        "roles": credential.ROLES,
        "users": apis.SERVICE_USERS,
        "catalogue": [entry for api in apis.APIS for entry in api.catalogue(str(where.services))],
    }
    script = INSIDE_CODE / "make_database.py"

    def build(folder: Path) -> None:
        with chroot([venv.path / "upper", base.path / "root"], folder, machine) as root:
            lab = root / wiring.INSIDE.lstrip("/")
            placeholders = dict.fromkeys((*apis.SERVICE_USERS, *passwords.NAMES), "build")
            write_configuration(lab / "etc", configuration.Files(where, placeholders, 1500), root)
            mysql = surroundings.mariadb().replace("init-file", "#init-file")
            (lab / "etc/my.cnf").write_text(mysql)
            (lab / "etc/plan.json").write_text(json.dumps(plan))
            (lab / "etc/services.json").write_text(
                json.dumps([r for r in services.table(where) if r["name"] in ("memcached", "keystone")])
            )
            for name in ("run", "log", "data"):
                (lab / name).mkdir(parents=True)
            (root / "opt/socle").mkdir(parents=True, exist_ok=True)
            shutil.copy(script, root / "opt/socle/make_database.py")
            unshare = ["unshare", "--net", "--pid", "--ipc", "--mount", "--fork", "--kill-child", "chroot", str(root)]
            python = [f"{wiring.VENV}/bin/python", "/opt/socle/make_database.py"]
            run([*unshare, *python], log=log_file("database"), env=services.environment())
        (folder / "upper" / wiring.INSIDE.lstrip("/") / "data/mysql").rename(folder / "mysql")
        shutil.rmtree(folder / "upper", ignore_errors=True)

    recipe = [base.digest, venv.digest, plan, surroundings.mariadb(), script.read_text()]
    return Layer("database", json.dumps(recipe), build, 0.3)


def write_configuration(etc: Path, files: configuration.Files, root: Path) -> None:
    """Renders the OpenStack files below etc; paste files come from the virtual environment in root."""
    for name, sections in files.files().items():
        write_file(etc / "home" / name, configuration.ini(sections))
    for name, text in optional.texts(files).items():
        write_file(etc / name, text)
    for project, paste in configuration.PASTE.items():
        source = root / wiring.VENV.lstrip("/") / "etc" / project / paste
        target = etc / "home" / f".{project}" / paste
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)


def node_image(machine: Machine) -> Layer:
    """A plain Debian as one ext4 file system; nothing of any role in it."""
    files = HERE / "node"
    where = wiring.wiring()

    def build(folder: Path) -> None:
        root = folder / "root"
        mmdebstrap(NODE_PACKAGES, machine, root, log_file("node-image"))
        mirror = f"http://mirror.{where.domain}:{apis.MIRROR_PORT}"
        run(["sh", str(files / "prepare.sh"), str(root), mirror, SUITE], log=log_file("node-image"))
        shutil.copytree(files / "root", root, dirs_exist_ok=True)
        used = int(run(["du", "-sm", str(root)]).split()[0])
        image = folder / "disk.raw"
        with image.open("wb") as stream:
            stream.truncate((used * 13 // 10 + 100) << 20)
        run(["mke2fs", "-q", "-t", "ext4", "-d", str(root), str(image)], log=log_file("node-image"))
        shutil.rmtree(root)

    scripts = [p for p in sorted(files.rglob("*")) if p.is_file()]
    recipe = [SUITE, NODE_PACKAGES, machine.debian, where.domain, text_of(*scripts), WITHOUT]
    return Layer("node-image", json.dumps(recipe), build, 0.5)
