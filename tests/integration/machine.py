"""One machine as a cloud gives it, hardened by the role of every node over SSH, and what audits it from beside.

The base role alone is played, the way `socle up` plays it: an account, its key, sudo. Packages come through a mirror's
address. The auditors are no packages of the node: a folder of their own that it sees as /mnt/tools.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from socle import content
from socle.lab import machine, recipes
from socle.nodes import inventory, outputs, vault
from socle.stack import load_stack
from socle.topology import derive
from tests.integration.nodes import ROOT, sh, unified, until

PLAIN, TOOLS = ROOT.with_name("plain"), ROOT.with_name("auditors")
AUDITORS = ("openscap-scanner", "lynis", "ssh-audit")
SCAP_FROM = "testing"  # the first suite whose content knows Debian 13
NEW_NETWORK = 0x40000000  # CLONE_NEWNET
OPERATOR = "198.18.0.1"  # whom the stack lets in


def made_once(target: Path, variant: str, packages: Sequence[str]) -> Path:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        new = target.with_name(f"{target.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        host = machine.read()
        sources = target.with_name(f"{target.name}.list")
        sources.write_text("\n".join(host.apt_lines()) + "\n")
        sh(
            "mmdebstrap", "--mode=root", f"--variant={variant}", '--aptopt=APT::Install-Recommends "false"',
            "--dpkgopt=force-unsafe-io", *recipes.WITHOUT, f"--include={','.join(packages)}", machine.SUITE, str(new),
            str(sources),
        )  # fmt: skip
        new.rename(target)
    return target


def plain() -> Path:
    """What a cloud's image holds: the lab's own list."""
    made = made_once(PLAIN, "minbase", recipes.NODE_PACKAGES)
    for source in made.glob("etc/apt/sources.list.d/*"):
        source.unlink()
    return made


def auditors() -> Path:
    """OpenSCAP, lynis and ssh-audit of Debian 13, unpacked; OpenSCAP's rules for Debian 13 from the next one."""
    folder = made_once(TOOLS, "extract", AUDITORS)
    if not (folder / "scap").exists():
        sh("chmod", "-R", "u-s,g-s", str(folder))
        own, new = folder / "apt", folder / "scap.new"
        (own / "lists").mkdir(parents=True, exist_ok=True)
        (own / "sources").write_text(f"deb {sources()['debian']} {SCAP_FROM} main\n")
        options = [f"-oDir::Etc::SourceList={own}/sources", "-oDir::Etc::SourceParts=/dev/null",
                   "-oAPT::Sandbox::User=root", "-oAcquire::Languages=none",
                   f"-oDir::State::Lists={own}/lists", f"-oDir::Cache={own}"]  # fmt: skip
        sh("apt-get", "update", "-qq", *options)
        sh("apt-get", "download", "-qq", *options, "ssg-debian", cwd=str(own))
        sh("dpkg", "-x", str(next(own.glob("ssg-debian_*.deb"))), str(new))
        new.rename(folder / "scap")
    return folder


@cache
def sources() -> dict[str, str]:
    return machine.read().debian


class Mirror(BaseHTTPRequestHandler):
    """Passes on what this machine's own source of Debian packages has."""

    def do_GET(self) -> None:
        kind, _slash, rest = self.path.lstrip("/").partition("/")
        try:
            with urllib.request.urlopen(f"{sources()[kind]}/{rest}", timeout=60) as answer:
                body = answer.read()
            self.send_response(200)
        except OSError:
            self.send_response(404)
            body = b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def no_names(server: socket.socket) -> None:
    """Answers every question for a name: there is none."""
    with contextlib.suppress(OSError):
        while True:
            asked, who = server.recvfrom(1500)
            end = asked.index(b"\0", 12) + 5
            server.sendto(asked[:2] + b"\x81\x83\0\1\0\0\0\0\0\0" + asked[12:end], who)


def listening_in(namespace: str, address: str, port: int, kind: int = socket.SOCK_STREAM) -> socket.socket:
    """A socket of another network, for a thread of this one: threads enter a namespace, sockets stay in it."""
    found: list[socket.socket] = []

    def there() -> None:
        with Path(namespace).open() as stream:
            if ctypes.CDLL(None, use_errno=True).setns(stream.fileno(), NEW_NETWORK):
                raise OSError(ctypes.get_errno(), "setns")
        made = socket.socket(socket.AF_INET, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        if kind == socket.SOCK_STREAM:
            made.listen(64)
        found.append(made)

    thread = threading.Thread(target=there)
    thread.start()
    thread.join()
    return found[0]


class Machine:
    """A node of the bastion's tier: of the enhanced level, and with a public address."""

    def __init__(self, folder: Path, tools: Path | None) -> None:
        self.folder, self.tools = folder, tools
        self.loaded = load_stack("demo")
        self.topology = derive(self.loaded)
        self.node = self.topology.tier("bastion").nodes[0]
        self.vault = vault.open_vault(self.loaded, self.topology)
        self.holder = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        self.process: subprocess.Popen[bytes] | None = None

    # --- there ------------------------------------------------------------------------------------------------------

    @property
    def first(self) -> int:
        assert self.process
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    def outside(self, *command: str) -> tuple[str, ...]:
        return ("nsenter", f"--net=/proc/{self.holder.pid}/ns/net", *command)

    def enter(self, *command: str) -> tuple[str, ...]:
        return ("nsenter", "--all", f"--target={self.first}", *command)

    def run(self, *command: str, check: bool = True) -> str:
        return sh(*self.enter(*command), check=check).stdout

    def answers(self, command: str) -> bool:
        """Whether a line of shell succeeds on the node."""
        return sh(*self.enter("sh", "-c", command), check=False).returncode == 0

    def boot(self) -> None:
        above = unified()
        assert above
        self.group = above / f"socle-machine-{os.getpid()}"
        self.group.mkdir(exist_ok=True)
        for part in ("up", "work", "root", "volume"):
            (self.folder / part).mkdir(parents=True, exist_ok=True)
        self._as_first_booted(self.folder / "up")
        flags = ("--cgroup", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child=SIGKILL")
        script = Path(__file__).with_name("node.sh")
        with (self.folder / "console.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["sh", "-c", f'echo $$ > "{self.group}/cgroup.procs"; exec unshare {" ".join(flags)} sh "$@"', "sh",
                 str(script), str(plain()), str(self.folder), "/mnt", str(self.tools or "")],
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until(lambda: bool(self.first), "a first process", 10)
        self._join()
        ready = ("running", "degraded")
        until(lambda: self.run("systemctl", "is-system-running", check=False).strip() in ready, "the boot", 120)

    def _as_first_booted(self, up: Path) -> None:
        """What the cloud's first boot leaves: the account, its key, its sudo; where the mirror is."""
        account, mirror = self.loaded.cloud.images[self.loaded.release.operating_system].user, self.mirror
        texts = {
            "etc/cloud/cloud-init.disabled": "",
            "var/lib/cloud/instance/boot-finished": "",
            "etc/sudoers.d/90-cloud-init-users": f"{account} ALL=(ALL) NOPASSWD:ALL\n",
            "etc/hosts": f"127.0.0.1 localhost\n{mirror[0]} {self.loaded.cloud.surroundings.servers['mirror'].name}\n",
            "etc/systemd/system/account.service": "[Unit]\nBefore=ssh.service\n[Service]\nType=oneshot\n"
            "RemainAfterExit=yes\n"
            f"ExecStart=sh -c 'id {account} || useradd -m -s /bin/bash {account}; mkdir -p /home/{account}/.ssh;"
            f' echo "{self.vault.public_key}" > /home/{account}/.ssh/authorized_keys;'
            f" chown -R {account}: /home/{account}; ssh-keygen -A'\n[Install]\nWantedBy=multi-user.target\n",
        }
        for name, text in texts.items():
            (up / name).parent.mkdir(parents=True, exist_ok=True)
            (up / name).write_text(text)
        wants = up / "etc/systemd/system/multi-user.target.wants/account.service"
        wants.parent.mkdir(parents=True, exist_ok=True)
        if not wants.is_symlink():
            wants.symlink_to("../account.service")

    @property
    def mirror(self) -> tuple[str, int]:
        return self.topology.tier("mirror").nodes[0].address, self.topology.flows.get("mirror").port

    def _join(self) -> None:
        first = str(self.first)
        sh(*self.outside("ip", "link", "add", "lan", "type", "veth", "peer", "name", "eth0", "netns", first))
        for words in ("addr add 198.18.0.1/32 dev lan", f"addr add {self.mirror[0]}/19 dev lan", "link set lan up",
                      "link set lo up"):  # fmt: skip
            sh(*self.outside("ip", *words.split()))
        # as a router would: the node answers a neighbour of its own network alone
        sh(*self.outside("sh", "-c", "echo 2 > /proc/sys/net/ipv4/conf/lan/arp_announce"))
        for words in (f"addr add {self.node.address}/19 dev eth0", "link set eth0 up", "link set lo up",
                      f"route add default via {self.mirror[0]}"):  # fmt: skip
            sh("nsenter", "--net", f"--target={first}", "ip", *words.split())
        sh(*self.outside("ip", "route", "replace", f"{self.node.address}/32", "dev", "lan", "src", OPERATOR))
        here = f"/proc/{self.holder.pid}/ns/net"
        self.names = listening_in(here, self.mirror[0], 53, socket.SOCK_DGRAM)
        threading.Thread(target=no_names, args=(self.names,), daemon=True).start()
        server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror, bind_and_activate=False)
        server.socket.close()
        server.socket = listening_in(here, *self.mirror)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.server = server

    def close(self) -> None:
        if self.process:
            self.server.shutdown()
            self.server.server_close()
            self.names.close()
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.holder.kill()
        self.holder.wait()
        within = sorted((path for path in self.group.rglob("*") if path.is_dir()), reverse=True)
        for group in (*within, self.group):
            with contextlib.suppress(OSError):
                group.rmdir()

    # --- what is done to it -----------------------------------------------------------------------------------------

    def play(self, *roles: str) -> dict[str, Any]:
        """Roles on the node, as the operator: what Ansible's own callback counts. `self.seconds`: how long it took."""
        issuer = self.loaded.cloud.certificates.issuer
        assert issuer
        made = outputs.placeholders(self.topology)
        data = inventory.inventory(self.loaded, self.topology, made, self.vault.public_key, "")
        own = data["all"]["children"]["bastion"]["hosts"][self.node.name]
        key = self.folder / "key"
        key.write_text(self.vault.private_key)
        key.chmod(0o600)
        account = self.loaded.cloud.images[self.loaded.release.operating_system].user
        own |= {
            "ansible_host": self.node.address, "ansible_user": account, "ansible_connection": "ssh",
            "ansible_ssh_private_key_file": str(key),
            "ansible_ssh_common_args": "-F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
            " -o IdentitiesOnly=yes -o ServerAliveInterval=3 -o ServerAliveCountMax=20",
        }  # fmt: skip
        data["all"]["children"] = {"bastion": {"hosts": {self.node.name: own}}}
        (self.folder / "inventory.json").write_text(json.dumps(data))
        (self.folder / "secrets.json").write_text(json.dumps({"secrets": dict(self.vault.values)}))
        waits: dict[str, Any] = {"ansible.builtin.wait_for_connection": {"timeout": 180, "sleep": 1}}  # as site.yml
        tasks = [waits, *({"ansible.builtin.include_role": {"name": role}} for role in roles)]
        (self.folder / "site.json").write_text(
            json.dumps([{"hosts": "all", "strategy": "ansible.builtin.free", "tasks": tasks}])
        )
        playbooks = content.folder("playbooks")
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        started = time.monotonic()
        done = subprocess.run(
            self.outside(
                str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(self.folder / "inventory.json"),
                "-e", f"@{self.folder / 'secrets.json'}", str(self.folder / "site.json"),
            ),
            env={**kept, "ANSIBLE_CONFIG": str(playbooks / "ansible.cfg"), "ANSIBLE_HOME": str(self.folder / "ansible"),
                 "ANSIBLE_ROLES_PATH": str(playbooks / "roles"), "LC_ALL": "C.UTF-8"},
            capture_output=True, text=True, check=False, timeout=900,
        )  # fmt: skip
        self.seconds = time.monotonic() - started
        self.events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"event"')]
        end = next((event for event in self.events if event["event"] == "end"), None)
        bad = [event for event in self.events if event["event"] in ("failed", "unreachable")]
        if end is None or bad or done.returncode:
            raise RuntimeError(json.dumps(bad, indent=1) + done.stderr[-4000:] + done.stdout[-2000:])
        return dict(end["nodes"][self.node.name])


@contextlib.contextmanager
def booted(folder: Path, tools: Path | None = None) -> Iterator[Machine]:
    made = Machine(folder, tools)
    try:
        made.boot()
        yield made
    finally:
        made.close()
