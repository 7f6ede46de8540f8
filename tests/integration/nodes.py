"""Nodes of a tier on this machine: Debian with its own systemd in namespaces of its own, configured by the very roles.

Each has the address that its stack gives it, on a bridge that nobody else sees, and a folder for a volume. What a node
is made of ends with its first process, so killing that is what a host that dies looks like. Needs root.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from socle import content, paths
from socle.lab import machine
from socle.lab.authority import ensure_authority
from socle.nodes import inventory, outputs, vault
from socle.stack import load_stack
from socle.stack.cloud import Certificates, Issuer
from socle.stack.load import LoadedStack
from socle.topology import Topology, derive

PACKAGES = (
    "systemd", "dbus", "sudo", "iproute2", "procps", "python3", "python3-apt", "python3-psycopg2",
    "python3-redis", "python3-kombu",
    "postgresql-17", "patroni", "python3-etcd", "etcd-server", "pgbackrest", "valkey-server", "valkey-sentinel",
)  # fmt: skip
SYSTEM = ("systemd", "dbus", "sudo", "iproute2", "procps", "python3", "python3-apt", "openssl")  # of every node
SEEING = (
    *SYSTEM, "curl", "rsyslog", "rsyslog-relp", "rsyslog-gnutls", "nginx", "valkey-server", "python3-redis",
    "prometheus",
    *(f"prometheus-{name}" for name in ("alertmanager", "blackbox-exporter", "exporter-exporter", "node-exporter",
                                        "nginx-exporter", "redis-exporter")),
)  # fmt: skip
UNITS = (
    "postgresql", "patroni", "etcd", "valkey-server", "valkey-sentinel", "nginx", "prometheus",
    *(f"prometheus-{name}" for name in ("alertmanager", "node-exporter", "blackbox-exporter", "exporter-exporter",
                                        "nginx-exporter", "redis-exporter", "postgres-exporter")),
)  # fmt: skip
ITS_OWN = ("{{ node.role }}",)  # the role of the node's tier
# as the role has it before the packages come
CLUSTERS = "etc/postgresql-common/createcluster.conf"
OWN_CLUSTER = f'mkdir -p "$1/etc/postgresql-common"; echo create_main_cluster = false > "$1/{CLUSTERS}"'
HOLD = "printf 'force-confold\\nforce-unsafe-io\\n' > \"$1/etc/dpkg/dpkg.cfg.d/test\""
NOT_STARTED = 'for unit in {}; do rm -f "$1/etc/systemd/system/multi-user.target.wants/$unit.service"; done'
DIGEST = hashlib.sha256(" ".join(PACKAGES).encode()).hexdigest()[:12]  # other packages are another root
ROOT = Path(os.environ.get("SOCLE_TEST_ROOT", f"/var/cache/socle-tests/debian-{DIGEST}"))
CLIENT = "10.65.5.10"  # of the application, in the stack that is tried


def why_not() -> str:
    if os.geteuid() != 0:
        return "nodes with a systemd of their own need root"
    missing = [name for name in ("mmdebstrap", "unshare", "nsenter", "ip") if not shutil.which(name)]
    if missing and not ((ROOT / "bin").exists() and missing == ["mmdebstrap"]):
        return f"not installed: {', '.join(missing)}"
    return "" if unified() else "no cgroup2 is mounted here"


def unified() -> Path | None:
    rows = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    return next((Path(row[1]) for row in rows if row[2] == "cgroup2"), None)


def sh(*command: str, check: bool = True, **more: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command[:12])}: {done.stderr or done.stdout}")
    return done


def debian(packages: Sequence[str] = PACKAGES) -> Path:
    """A Debian 13 with the packages, made once for this machine and each set of them."""
    known = hashlib.sha256(" ".join((*sorted(packages), "-", *UNITS)).encode()).hexdigest()[:12]
    root = ROOT if packages == PACKAGES else ROOT.with_name(f"{ROOT.name}-{known}")
    if not (root / "etc" / "debian_version").exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        made = root.with_name(f"{root.name}.new")
        shutil.rmtree(made, ignore_errors=True)
        sh(
            "mmdebstrap", "--mode=root", "--variant=minbase", '--aptopt=APT::Install-Recommends "false"',
            f"--essential-hook={OWN_CLUSTER}; {HOLD}", f"--customize-hook={NOT_STARTED.format(' '.join(UNITS))}",
            f"--include={','.join(packages)}", "trixie", str(made), machine.read().debian["debian"],
        )  # fmt: skip
        made.rename(root)
    return root


@dataclass
class Node:
    """`process`: outside its namespaces; killed, it takes the node's first process along."""

    name: str
    address: str
    folder: Path
    group: Path
    process: subprocess.Popen[bytes]

    @property
    def first(self) -> int:
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(text.split()[0])

    def enter(self, *command: str) -> tuple[str, ...]:
        return ("nsenter", "--all", f"--target={self.first}", *command)

    def run(self, *command: str, check: bool = True) -> str:
        return sh(*self.enter(*command), check=check).stdout

    def journal(self, unit: str) -> str:
        return self.run("journalctl", "-q", "-u", unit, "-o", "cat", "--no-pager", check=False)


@dataclass
class Fleet:
    """The nodes of one tier, and the network between them."""

    folder: Path
    loaded: LoadedStack
    topology: Topology
    tier: str
    packages: Sequence[str] = PACKAGES
    holder: subprocess.Popen[bytes] = field(init=False)
    nodes: dict[str, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        mine = Path("/proc/self/ns/net").readlink()
        until(lambda: Path(f"/proc/{self.holder.pid}/ns/net").readlink() != mine, "the network", 10)
        self.ip("link", "add", "lan", "type", "bridge")
        self.ip("addr", "add", f"{CLIENT}/16", "dev", "lan")
        for device in ("lan", "lo"):
            self.ip("link", "set", device, "up")

    def ip(self, *words: str) -> None:
        sh(*self.outside("ip", *words))

    def outside(self, *command: str) -> tuple[str, ...]:
        """A command in the network of the nodes, where clients are."""
        return ("nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command)

    def boot(self, name: str) -> Node:
        node = self.topology.node(name)
        folder, number = self.folder / name, self.place(name)
        for part in ("up", "work", "root", "volume"):
            (folder / part).mkdir(parents=True, exist_ok=True)
        above = unified()
        assert above
        group = above / f"socle-test-{os.getpid()}-{number}"
        group.mkdir(exist_ok=True)
        flags = ("--cgroup", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child=SIGKILL")
        script = Path(__file__).with_name("node.sh")
        with (folder / "console.log").open("ab") as log:
            process = subprocess.Popen(
                ["sh", "-c", f'echo $$ > "{group}/cgroup.procs"; exec unshare {" ".join(flags)} sh "$@"', "sh",
                 str(script), str(debian(self.packages)), str(folder), node.volume.mount if node.volume else "/srv"],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        made = self.nodes[name] = Node(name, node.address, folder, group, process)
        until(lambda: bool(made.first), "a first process", 10)
        self.ip("link", "add", f"to-{number}", "type", "veth", "peer", "name", "eth0", "netns", str(made.first))
        self.ip("link", "set", f"to-{number}", "master", "lan", "up")
        for words in (("link", "set", "lo", "up"), ("addr", "add", f"{node.address}/16", "dev", "eth0"),
                      ("link", "set", "eth0", "up")):  # fmt: skip
            sh("nsenter", "--net", f"--target={made.first}", "ip", *words)
        ready = ("running", "degraded")  # a container loads no kernel modules
        until(lambda: made.run("systemctl", "is-system-running", check=False).strip() in ready, f"{name} to boot", 180)
        # the volume is the folder that is bound there; its role needs a block device
        unit = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/true\n"
        made.run("sh", "-c", f"printf '{unit}' > /etc/systemd/system/socle-volume.service; systemctl daemon-reload")
        return made

    def place(self, name: str) -> int:
        """A number of its own for each node of the stack."""
        return [node.name for node in self.topology.nodes].index(name)

    def die(self, name: str) -> None:
        """The host is lost: everything on the node ends at once."""
        node = self.nodes.pop(name)
        os.killpg(node.process.pid, signal.SIGKILL)
        node.process.wait()
        with contextlib.suppress(RuntimeError):
            self.ip("link", "del", f"to-{self.place(name)}")
        for group in sorted((path for path in node.group.rglob("*") if path.is_dir()), reverse=True):
            with contextlib.suppress(OSError):
                group.rmdir()
        with contextlib.suppress(OSError):
            node.group.rmdir()

    def close(self) -> None:
        for name in list(self.nodes):
            self.die(name)
        self.holder.kill()
        self.holder.wait()

    def play(self, *names: str, roles: Sequence[str] = ITS_OWN, tasks: str = "main") -> dict[str, Any]:
        """Roles on the nodes (all of them): what Ansible's own callback counts, by node."""
        included = [{"ansible.builtin.include_role": {"name": role, "tasks_from": tasks}} for role in roles]
        role = {"hosts": "all", "strategy": "ansible.builtin.free", "tasks": included}
        (self.folder / "site.json").write_text(json.dumps([role]))
        return self.playbook(self.folder / "site.json", *names)

    def playbook(self, file: Path, *names: str, **extra: str) -> dict[str, Any]:
        """Any playbook, as `play`; `extra`: variables of the command line."""
        opened = vault.open_vault(self.loaded, self.topology)
        made = outputs.placeholders(self.topology)
        issuer = self.loaded.cloud.certificates.issuer
        assert issuer
        data = inventory.inventory(
            self.loaded, self.topology, made, opened.public_key, Path(issuer.certificate).read_text()
        )
        groups = data["all"]["children"]
        for group in groups.values():
            group["hosts"] = {n: own for n, own in group["hosts"].items() if n in self.nodes}
            for name, own in group["hosts"].items():
                own |= {"ansible_connection": "community.docker.nsenter", "ansible_nsenter_pid": self.nodes[name].first}
        (self.folder / "inventory.json").write_text(json.dumps(data))
        (self.folder / "secrets.json").write_text(json.dumps({"secrets": dict(opened.values)}))
        playbooks = content.folder("playbooks")
        kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.folder / "inventory.json"),
             "-e", f"@{self.folder / 'secrets.json'}", "-e", json.dumps(extra),
             *(("--limit", ",".join(names)) if names else ()), str(file)],
            env={**kept, "ANSIBLE_CONFIG": str(playbooks / "ansible.cfg"), "ANSIBLE_HOME": str(self.folder / "ansible"),
                 "ANSIBLE_ROLES_PATH": str(playbooks / "roles"), "ANSIBLE_BECOME": "False", "LC_ALL": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        (self.folder / "play.log").write_text(done.stdout + done.stderr)
        events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"event"')]
        end = next((event for event in events if event["event"] == "end"), None)
        bad = [event for event in events if event["event"] in ("failed", "unreachable")]
        if end is None or bad or done.returncode:
            raise RuntimeError(json.dumps(bad, indent=1) + done.stderr[-4000:] + done.stdout[-2000:])
        self.events = events
        return dict(end["nodes"])


@contextlib.contextmanager
def fleet(stack: Path, tier: str, folder: Path, packages: Sequence[str] = PACKAGES, **around: Any) -> Iterator[Fleet]:
    """A tier of a stack, booted, with an authority that signs its certificates; nothing is configured yet. `around`:
    servers around the stack that the cloud file does not name."""
    loaded = load_stack(str(stack))
    issuer = Issuer(certificate=str(folder / "ca.pem"), key=str(folder / "ca.key"))
    ensure_authority(folder / "ca.pem", folder / "ca.key")
    here = loaded.cloud.surroundings
    store = {"objects": here.objects.model_copy(update={"credentials": None})} if here.objects else {}
    given = {"certificates": Certificates(issuer=issuer), "surroundings": here.model_copy(update={**store, **around})}
    identity = loaded.stack.identity.model_copy(update={"secret_file": None})
    asked = loaded.stack.model_copy(update={"identity": identity})
    loaded = replace(loaded, cloud=loaded.cloud.model_copy(update=given), stack=asked)
    made = Fleet(folder, loaded, derive(loaded), tier, packages)
    hand_over(made)
    try:
        for node in made.topology.tier(tier).nodes:
            made.boot(node.name)
        yield made
    finally:
        made.close()


def hand_over(made: Fleet, **values: str) -> None:
    """The secrets that somebody outside gives, some of them by their values."""
    folder = paths.stack_dir(made.loaded.name) / "handed-over"
    folder.mkdir(parents=True, exist_ok=True)
    for secret in made.topology.secrets:
        if secret.kind == "handed-over":
            (folder / secret.name).write_text(values.get(secret.name, f"a {secret.name} of this test"))


def two_zones(folder: Path, **more: Any) -> Path:
    """The stack of that name in a file of its own, some keys with other values."""
    data = {**yaml.safe_load((content.root() / "stacks" / "twozones.yaml").read_text()), **more}
    file = folder / "twozones.yaml"
    file.write_text(yaml.safe_dump(data))
    return file


def written(node: Node, path: str, text: str) -> None:
    """A file on the node, that no role places."""
    target = Path(f"/proc/{node.first}/root{path}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)


def until(condition: Any, what: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError, RuntimeError, IndexError):
            if condition():
                return
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def addresses(made: Fleet) -> Sequence[str]:
    return [node.address for node in made.topology.tier(made.tier).nodes]
