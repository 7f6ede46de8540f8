"""The nodes of a deployed stack: what runs on them is what was rendered, closed, and hardened."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from socle.nodes import inventory, render, run, variables, vault
from socle.nodes import outputs as program
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.conftest import Deployment, in_its_folders

pytestmark = pytest.mark.lab

SENDERS = 200


@pytest.fixture(scope="module")
def world(deployed: Deployment) -> Iterator[dict[str, Any]]:
    """The stack, its topology, its outputs and the facts of its nodes."""
    from socle.engine import access, deploy, workspace

    with in_its_folders(deployed):
        loaded = load_stack(str(deployed.file))
        topology = derive(loaded)
        made = deploy.outputs(workspace.open_stack(loaded, credentials=False))
        facts = run.gather_facts(loaded, topology, made, access.connect(loaded))
        yield {"loaded": loaded, "topology": topology, "made": program.read(made, topology), "facts": facts}


def test_every_node_answers(world: dict[str, Any]) -> None:
    assert set(world["facts"]) == {node.name for node in world["topology"].nodes}


def test_what_is_deployed_is_what_is_rendered(world: dict[str, Any]) -> None:
    loaded, topology, made = world["loaded"], world["topology"], world["made"]
    secrets = vault.open_vault(loaded, topology)
    common = variables.common(loaded, topology, made, secrets.public_key, inventory.trust(loaded))
    compared = 0
    for node in topology.nodes:
        facts = world["facts"][node.name]
        own = {**common, "secrets": dict(secrets.values), **variables.of_node(topology, node, made)}
        own["clock_steered"] = facts["time"]["steered"]
        for path, text in render.node_files(node.tier, own).items():
            found = facts["files"][path]
            assert found, f"{node.name}: {path} is missing"
            assert found["sha256"] == hashlib.sha256(text.encode()).hexdigest(), f"{node.name}: {path}"
            compared += 1
    assert compared > 80


def test_nothing_listens_but_the_matrix(world: dict[str, Any]) -> None:
    for node in world["topology"].nodes:
        flows = world["topology"].flows.into(node.tier)
        for one in world["facts"][node.name]["sockets"]:
            if one["address"] == "*" or not ip_address(one["address"]).is_loopback:
                here = [f for f in flows if f.protocol == one["protocol"] and f.first <= one["port"] <= f.last]
                assert here, f"{node.name}: {one}"


def test_nodes_are_hardened_and_nothing_failed(world: dict[str, Any]) -> None:
    for name, facts in world["facts"].items():
        assert facts["failed_units"] == [], name
        assert facts["accounts"]["root_locked"], name
        assert facts["accounts"]["with_password"] == [], name
        assert facts["sshd"]["permitrootlogin"] == "no", name
        assert facts["sshd"]["passwordauthentication"] == "no", name
        assert facts["time"]["synchronised"], name
        chains = [entry["chain"] for entry in facts["firewall"] if "chain" in entry]
        policies = {chain["name"]: chain.get("policy") for chain in chains if not chain["prio"]}
        assert policies == {"input": "drop", "forward": "drop", "output": "drop"}, name


@pytest.mark.parametrize(("tier", "flow"), [("turn", "turn-udp"), ("media", "media-udp")])
def test_datagrams_of_many_senders_fill_no_table(
    world: dict[str, Any], deployed: Deployment, tier: str, flow: str
) -> None:
    """Of connections, where each forged sender would be one."""
    node = world["topology"].tier(tier).nodes[0]
    target = (world["made"][node.name].floating_address, world["topology"].flows.get(flow).first)

    def asked(file: str) -> str:
        return deployed.socle("ssh", deployed.name, node.name, "cat", f"/proc/{file}").stdout

    def arrived() -> int:
        names, values = (line.split() for line in asked("net/snmp").splitlines() if line.startswith("Udp:"))
        return int(values[names.index("InDatagrams")])

    known, heard = int(asked("sys/net/netfilter/nf_conntrack_count")), arrived()
    for _sender in range(SENDERS):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(b"\0" * 20, target)
    assert arrived() - heard >= SENDERS * 0.9
    assert int(asked("sys/net/netfilter/nf_conntrack_count")) - known < SENDERS / 4


def test_the_image_is_the_release_s(world: dict[str, Any]) -> None:
    digest = world["loaded"].release.images["livekit"].digest
    for node in world["topology"].tier("media").nodes:
        running = world["facts"][node.name]["containers"]
        assert [one["state"] for one in running] == ["running"]
        assert running[0]["image"].endswith(digest)


def test_a_second_run_changes_nothing(world: dict[str, Any], deployed: Deployment) -> None:
    from socle.engine import access, deploy, workspace

    with in_its_folders(deployed):
        loaded = world["loaded"]
        made = deploy.outputs(workspace.open_stack(loaded, credentials=False))
        done = run.configure(loaded, world["topology"], made, access.connect(loaded))
    assert (done.changed, done.failed, done.unreachable) == (0, 0, 0)
    assert done.nodes == len(world["topology"].nodes)
