"""The nodes of a deployed stack: what runs on them is what was rendered, closed, and hardened."""

from __future__ import annotations

import hashlib
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
        for socket in world["facts"][node.name]["sockets"]:
            if socket["address"] == "*" or not ip_address(socket["address"]).is_loopback:
                here = [f for f in flows if f.protocol == socket["protocol"] and f.first <= socket["port"] <= f.last]
                assert here, f"{node.name}: {socket}"


def test_nodes_are_hardened_and_nothing_failed(world: dict[str, Any]) -> None:
    for name, facts in world["facts"].items():
        assert facts["failed_units"] == [], name
        assert facts["accounts"]["root_locked"], name
        assert facts["accounts"]["with_password"] == [], name
        assert facts["sshd"]["permitrootlogin"] == "no", name
        assert facts["sshd"]["passwordauthentication"] == "no", name
        assert facts["time"]["synchronised"], name
        policies = {c["chain"]["name"]: c["chain"].get("policy") for c in facts["firewall"] if "chain" in c}
        assert policies == {"input": "drop", "forward": "drop", "output": "drop"}, name


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
