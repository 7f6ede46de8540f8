"""The whole path on a real cloud: interrupted, finished, proven, broken, diagnosed, judged; no secret anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from socle.engine import access
from socle.nodes.vault import read_vault
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.allocation import Allocation
from tests.lab.conftest import Deployment, hidden, made

pytestmark = pytest.mark.lab

RELAYED = {"turn-udp", "turn-tls"}


def verified(stack: Deployment) -> tuple[int, dict[str, object]]:
    done = stack.socle("verify", stack.name, "--json", check=False, timeout=900)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def secret(stack: Deployment) -> str:
    """What credentials for the relay are made of now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOCLE_STATE", stack.env["SOCLE_STATE"])
        value: str = read_vault(stack.name)["turn_secret"]["current"]
        return value


def test_a_stack_opened_to_the_world_is_refused_before_any_call(proof: Deployment) -> None:
    """The cloud cannot be reached here, and nobody notices: the gate stands before it."""
    stacks = proof.folder / "open"
    (stacks / "clouds").mkdir(parents=True)
    clouds = Path(__file__).parents[2] / "stacks" / "clouds" / "lab.yaml"
    dead = clouds.read_text().replace("https://198.51.100.2:5000/v3", "https://127.0.0.1:9/v3")
    (stacks / "clouds" / "lab.yaml").write_text(dead)
    text = proof.file.read_text()
    (stacks / "closed.yaml").write_text(text)
    (stacks / "open.yaml").write_text(text.replace("198.18.0.1/32", "0.0.0.0/0"))
    elsewhere = Deployment("open", proof.folder / "elsewhere")
    elsewhere.folder.mkdir()
    (elsewhere.folder / "stacks").symlink_to(stacks)
    refused = elsewhere.socle("up", "open", "--yes", check=False)
    assert refused.returncode == 3, refused.stderr
    line = next(n for n, one in enumerate((stacks / "open.yaml").read_text().splitlines(), 1) if "0.0.0.0/0" in one)
    assert f"open.yaml:{line}:" in refused.stdout + refused.stderr
    unreachable = elsewhere.socle("up", "closed", "--yes", check=False)
    assert unreachable.returncode == 4, "the positive control: a stack that passes the gate does reach for the cloud"


def test_a_second_up_changes_nothing(deployed: Deployment) -> None:
    done = deployed.socle("up", "proof", "--yes")
    assert "cloud: no operation" in done.stdout
    assert "nodes: nothing changed" in done.stdout, done.stdout


def test_the_service_is_proven_from_outside(deployed: Deployment) -> None:
    code, report = verified(deployed)
    assert code == 0, report
    calls = {call["path"]: call for call in report["calls"]}
    assert set(calls) == {"direct", *RELAYED}
    for path, call in calls.items():
        assert len(call["received"]) == 2, call
        assert all(count > 0 for got in call["received"] for count in got.values()), call
        assert {pair["local"] == "relay" for pair in call["pairs"]} == {path in RELAYED}, call


def test_nodes_are_in_their_zone_and_those_of_a_tier_on_hosts_of_their_own(deployed: Deployment) -> None:
    cloud = access.connect(load_stack(str(deployed.file)))
    found = {server.name: server for server in cloud.compute.servers() if server.name.startswith("proof-")}
    tiers = derive(load_stack(str(deployed.file))).tiers
    assert {node.name for tier in tiers for node in tier.nodes} == set(found)
    for tier in tiers:
        assert [found[node.name].availability_zone for node in tier.nodes] == [node.zone for node in tier.nodes]
        assert len({found[node.name].host_id for node in tier.nodes}) == len(tier.nodes)


@pytest.fixture
def coturn_stopped(deployed: Deployment) -> Iterator[str]:
    """The node whose coturn is stopped for one test."""
    node = deployed.nodes("turn")[0]
    on(deployed, node, "sudo", "systemctl", "stop", "coturn")
    yield node
    on(deployed, node, "sudo", "systemctl", "start", "coturn")


def on(stack: Deployment, node: str, *command: str) -> str:
    """A command on a node, over the bastion, as an operator would give it."""
    return stack.socle("ssh", stack.name, node, *command).stdout


def test_without_coturn_exactly_the_relayed_calls_fail_and_the_node_is_named(
    deployed: Deployment, coturn_stopped: str
) -> None:
    code, report = verified(deployed)
    assert code == 6
    assert {call["path"] for call in report["calls"] if call["failure"]} == RELAYED
    dead = {(c["subject"], c["node"]) for c in report["checks"] if c["kind"] == "flow" and c["outcome"] == "fail"}
    assert dead == {(flow, coturn_stopped) for flow in RELAYED}
    assert [cause["node"] for cause in report["causes"]] == [coturn_stopped]


def test_a_new_secret_and_certificate_of_the_relay_cut_no_allocation(deployed: Deployment) -> None:
    """Kept alive meanwhile with the credentials it began with. A rotation that comes too early is refused."""
    topology = derive(load_stack(str(deployed.file)))
    (relay,), port = deployed.nodes("turn"), topology.flows.get("turn-udp").port

    def process() -> str:
        return on(deployed, relay, "systemctl", "show", "coturn", "-p", "MainPID")

    before, running = secret(deployed), process()
    with Allocation(made(deployed)[relay].floating_address or "", port, before) as held:
        assert "turn_secret: new" in deployed.socle("rotate", "proof", "turn_secret").stdout
        after = secret(deployed)
        assert after != before
        for one in (before, after):  # whoever joined before, and whoever joins now
            with Allocation(held.address, port, one) as other:
                assert not other.refresh()
        on(deployed, relay, "sudo", "touch", "/etc/turnserver/turn.crt")
        done = deployed.socle("up", "proof", "--yes")
        assert f"{relay}: turn : Run coturn with its files as they are. [coturn reloaded]" in done.stderr, done.stderr
        assert not held.refresh()
    assert process() == running
    early = deployed.socle("rotate", "proof", "turn_secret", check=False)
    assert (early.returncode, "SOC-5216" in early.stderr) == (5, True), early.stderr


def test_no_secret_is_written_in_clear(deployed: Deployment) -> None:
    """The actual values are looked for in plans, state, logs, inventory, facts, reports and the dossier."""
    deployed.socle("plan", "proof", "--save", str(deployed.folder / "proof.plan.json"))
    deployed.socle("report", "proof", "--out", str(deployed.folder / "dossier"))
    needles = hidden(deployed)
    needles["passphrase"] = (deployed.folder / "state" / "passphrase").read_text().strip()
    files = [file for file in deployed.folder.rglob("*") if file.is_file() and file.name != "passphrase"]
    assert {"proof.plan.json", "index.html", "verify.json", "ansible.log", "secrets.yml"} <= {f.name for f in files}
    for file in files:
        content = file.read_bytes()
        found = [name for name, needle in needles.items() if needle.encode() in content]
        assert not found, f"{file} holds: {found}"
