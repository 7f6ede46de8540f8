"""Runs Ansible on the stack's nodes, and says what it did in few lines."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from socle import content, passphrase, paths
from socle.errors import MachineError, NodeError
from socle.files import write_file
from socle.messages import _, some
from socle.nodes import challenges, hostkeys, inventory, names, render, variables, vault
from socle.nodes import outputs as program
from socle.nodes.agent import Session, session
from socle.nodes.outputs import Outputs
from socle.stack.load import LoadedStack
from socle.topology import Topology

if TYPE_CHECKING:
    from openstack.connection import Connection

Say = Callable[[str], None]
LOG = "ansible.log"
SHOWN = 3  # of the files and units that one task changed; the log has all
# What is begun so ends when this process is killed. A program of its own (util-linux): the engine's client has threads,
# and Python code between fork and exec does not go with those.
TIED = ("setpriv", "--pdeathsig", "TERM")


@dataclass
class Summary:
    """Tasks by outcome, over all nodes. `problems`: node -> the reason in one line."""

    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    seconds: float = 0.0
    nodes: int = 0
    problems: dict[str, str] = field(default_factory=dict)


def _quiet(_line: str) -> None:
    pass


def configure(
    loaded: LoadedStack, topology: Topology, outputs: Mapping[str, Any], cloud: Connection, say: Say = _quiet
) -> Summary:
    """Brings every node to what the stack says. Raises NodeError when one was not reached or not configured."""
    if loose := [image.tagged for image in variables.images(loaded, topology).values() if image.pinned is None]:
        raise NodeError("SOC-5105", "the release names no digest of: {image}", image=", ".join(loose))
    if names.publish(loaded, topology, program.read(outputs, topology)):
        say(_("names published: {names}").format(names=", ".join(record.fqdn for record in topology.records)))
    if dns := challenges.challenges(loaded, topology.domain, cloud):
        vault.open_vault(loaded, topology, dns=dns)  # here alone: what drains or looks at nodes asks no authority
    return play(loaded, topology, outputs, cloud, "site.yml", say)


def play(
    loaded: LoadedStack,
    topology: Topology,
    outputs: Mapping[str, Any],
    cloud: Connection,
    playbook: str,
    say: Say = _quiet,
    limit: Sequence[str] = (),
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> Summary:
    """One playbook over the nodes (`limit`: their names), e.g. verify.yml or drain.yml. `extra`: its own variables."""
    summary = Summary()
    started = time.monotonic()
    with _ready(loaded, topology, outputs, cloud) as run:
        for event in run(playbook, extra, limit):
            _count(event, summary, say)
    summary.seconds = time.monotonic() - started
    if summary.problems:
        raise NodeError(
            "SOC-5104" if summary.failed else "SOC-5103",
            "{count} of {nodes} nodes could not be configured",
            hint="\n".join(f"{node}: {reason}" for node, reason in sorted(summary.problems.items())),
            count=len(summary.problems),
            nodes=len(topology.nodes),
        )
    return summary


def gather_facts(
    loaded: LoadedStack, topology: Topology, outputs: Mapping[str, Any], cloud: Connection, say: Say = _quiet
) -> dict[str, dict[str, Any]]:
    """Node -> facts, also written to `<state>/<stack>/facts/<node>.json`; a node that does not answer is absent."""
    described: dict[str, list[str]] = {}
    for tier, path in render.render(loaded, topology):
        described.setdefault(tier, []).append(path)
    found: dict[str, dict[str, Any]] = {}
    with _ready(loaded, topology, outputs, cloud) as run:
        for event in run("facts.yml", {"described": described}, ()):
            if event["event"] == "facts":
                found[event["node"]] = json.loads(event["text"])
            elif event["event"] in ("failed", "unreachable"):
                say(f"{event['node']}: {event['reason']}")
    folder = paths.stack_dir(loaded.name) / "facts"
    folder.mkdir(exist_ok=True, mode=0o700)
    for file in folder.glob("*.json"):
        if file.stem not in found:
            file.unlink()  # what an earlier run saw is no evidence for this one
    for node, facts in found.items():
        write_file(folder / f"{node}.json", json.dumps(facts, indent=1, sort_keys=True).encode())
    return found


Run = Callable[[str, Mapping[str, Any], Sequence[str]], Iterator[dict[str, Any]]]


@contextmanager
def _ready(loaded: LoadedStack, topology: Topology, outputs: Mapping[str, Any], cloud: Connection) -> Iterator[Run]:
    """Secrets, pinned host keys, inventory and an agent with the deploy key; then playbooks can run."""
    nodes: Outputs = program.read(outputs, topology)
    secrets = vault.open_vault(loaded, topology)
    known_hosts = hostkeys.pin(loaded.name, nodes, console_of(cloud))
    file = inventory.write(loaded, topology, nodes, secrets.public_key, known_hosts)
    with session(secrets.private_key, file.with_name("ssh_config")) as ssh:
        yield partial(_events, file, secrets.file, ssh, len(topology.nodes))


def console_of(cloud: Connection) -> hostkeys.ReadConsole:
    """Reads a console log through Nova; empty while there is none."""
    from openstack.exceptions import ConflictException, NotFoundException

    from socle.engine.access import cloud_errors

    def read(instance_id: str) -> str:
        with cloud_errors():
            try:
                return str(cloud.compute.get_server_console_output(instance_id).get("output") or "")
            except (ConflictException, NotFoundException):
                return ""  # not started yet: asked again until the deadline, which says what is missing

    return read


def _events(
    file: Path, secrets: Path, ssh: Session, nodes: int, playbook: str, extra: Mapping[str, Any], limit: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """The callback's lines, as they come; everything Ansible says otherwise goes to the stack's log.

    A fork for each node: those that wait for another one (the mirror, a leader) must not keep it from its own tasks.
    """
    playbooks = content.folder("playbooks")
    command = [
        *TIED,
        str(Path(sys.executable).with_name("ansible-playbook")),
        *("--inventory", str(file)),
        *("--forks", str(nodes)),
        *("--vault-password-file", str(passphrase.file())),
        *("--extra-vars", f"@{secrets}"),
        *(("--extra-vars", json.dumps(extra)) if extra else ()),
        *(("--limit", ",".join(limit)) if limit else ()),
        str(playbooks / playbook),
    ]
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    environment = {
        **kept,
        **ssh.environment,
        "ANSIBLE_CONFIG": str(playbooks / "ansible.cfg"),
        "ANSIBLE_SSH_ARGS": f"-F {ssh.config}",
        "ANSIBLE_HOME": str(ssh.folder / "ansible"),
        "LC_ALL": "C.UTF-8",
    }
    log = paths.stack_dir(file.parent.name) / LOG
    with log.open("a", encoding="utf-8") as stream:
        log.chmod(0o600)
        try:
            process = subprocess.Popen(
                command,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )
        except FileNotFoundError:
            raise MachineError("SOC-7302", "missing program: {program}", program=TIED[0]) from None
        ended = False
        assert process.stdout
        try:
            for line in process.stdout:
                stream.write(line)
                if line.startswith('{"event"'):
                    event = json.loads(line)
                    ended = ended or event["event"] == "end"
                    yield event
        finally:
            if process.poll() is None and not ended:
                process.terminate()
            process.wait()
            process.stdout.close()
    if not ended:
        raise NodeError(
            "SOC-5106", "ansible-playbook ended early: {status}", hint=_tail(log), status=process.returncode
        )


def _tail(log: Path, lines: int = 6) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])


def _count(event: Mapping[str, Any], summary: Summary, say: Say) -> None:
    kind = event["event"]
    if kind == "changed":
        detail = f" [{', '.join(some(event['detail'], SHOWN))}]" if event["detail"] else ""
        say(_("{node}: {task}{detail}").format(node=event["node"], task=event["task"], detail=detail))
    elif kind in ("failed", "unreachable"):
        reason = f"{event['task']} {event['reason']}" if kind == "failed" else event["reason"]
        summary.problems.setdefault(event["node"], reason)
        say(_("{node}: FAILED: {reason}").format(node=event["node"], reason=reason))
    elif kind == "end":
        rows = event["nodes"].values()
        summary.changed = sum(row["changed"] for row in rows)
        summary.failed = sum(row["failures"] for row in rows)
        summary.unreachable = sum(row["unreachable"] for row in rows)
        summary.nodes = len(rows)
