"""From the topology and the outputs to what Ansible and ssh read. Pure functions; `write` puts the files down."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from socle import paths
from socle.files import write_file
from socle.nodes import variables
from socle.nodes.outputs import Outputs
from socle.stack.load import LoadedStack
from socle.topology import Topology


def inventory(loaded: LoadedStack, topology: Topology, outputs: Outputs, public_key: str, trust: str) -> dict[str, Any]:
    """Ansible's YAML inventory as plain data: one group per tier, the model's values as variables. No secret in it."""
    groups = {
        tier.name: {"hosts": {node.name: variables.of_node(topology, node, outputs) for node in tier.nodes}}
        for tier in topology.tiers
    }
    return {"all": {"children": groups, "vars": variables.common(loaded, topology, outputs, public_key, trust)}}


def ssh_config(loaded: LoadedStack, topology: Topology, outputs: Outputs, known_hosts: Path) -> str:
    """Every node by its name, through the first bastion; a node is known by its instance's identifier."""
    bastion = topology.tier("bastion").nodes[0].name
    user = loaded.cloud.images[loaded.release.operating_system].user
    blocks = [
        "Host *",
        f"  User {user}",
        f"  UserKnownHostsFile {known_hosts}",
        "  GlobalKnownHostsFile /dev/null",
        "  StrictHostKeyChecking yes",
        "  UpdateHostKeys no",
        "  HostKeyAlgorithms ssh-ed25519",
        "  PasswordAuthentication no",
        "  KbdInteractiveAuthentication no",
        "  ForwardAgent no",
        "  ConnectTimeout 15",
        "  ServerAliveInterval 3",
        "  ServerAliveCountMax 20",
    ]
    for node in topology.nodes:
        output = outputs[node.name]
        direct = node.tier == "bastion" and output.floating_address
        blocks += [
            f"Host {node.name}",
            f"  HostName {output.floating_address if direct else output.address}",
            f"  HostKeyAlias {output.instance_id}",
            f"  Port {topology.flows.get('ssh').port}",
            *([] if direct else [f"  ProxyJump {bastion}"]),
        ]
    return "\n".join(blocks) + "\n"


def write(loaded: LoadedStack, topology: Topology, outputs: Outputs, public_key: str, known_hosts: Path) -> Path:
    """Writes `inventory.json` and `ssh_config` in the stack's folder; returns the inventory."""
    folder = paths.stack_dir(loaded.name)
    file = folder / "inventory.json"
    data = inventory(loaded, topology, outputs, public_key, trust(loaded))
    write_file(file, json.dumps(data, indent=1).encode())  # in the topology's order, as templates list tiers in it
    write_file(folder / "ssh_config", ssh_config(loaded, topology, outputs, known_hosts).encode())
    return file


def trust(loaded: LoadedStack) -> str:
    """The certificate authority that signs the stack's and the cloud's certificates, in PEM; '' when none is named."""
    issuer = loaded.cloud.certificates.issuer
    named = loaded.cloud.ca_certificate or (issuer.certificate if issuer else None)
    file = Path(named) if named else None
    return file.read_text(encoding="ascii") if file and file.is_file() else ""
