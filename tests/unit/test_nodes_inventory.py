"""Inventory, SSH configuration, host keys, names."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from socle.errors import NodeError
from socle.nodes import agent, hostkeys, inventory, names, outputs, variables, vault
from socle.nodes.outputs import NodeOutput
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from socle.topology import Topology, derive

KEY = "AAAAC3NzaC1lZDI1NTE5AAAAI" + "B" * 43
CONSOLE = f"""boot
-----BEGIN SSH HOST KEY KEYS-----
[  9.1] cloud-init[311]: ssh-ed25519 {KEY} root@x
-----END SSH HOST KEY KEYS-----
"""


@pytest.fixture
def loaded() -> LoadedStack:
    return load_stack("demo")


@pytest.fixture
def topology(loaded: LoadedStack) -> Topology:
    return derive(loaded)


@pytest.fixture
def made(topology: Topology) -> dict[str, NodeOutput]:
    return outputs.placeholders(topology)


def test_the_inventory_says_the_same_twice_and_holds_no_secret(
    loaded: LoadedStack, topology: Topology, made: dict[str, NodeOutput]
) -> None:
    first = inventory.inventory(loaded, topology, made, "ssh-ed25519 KEY", "")
    assert first == inventory.inventory(loaded, topology, made, "ssh-ed25519 KEY", "")
    assert "secrets" not in json.dumps(first)
    groups = first["all"]["children"]
    assert {tier: set(group["hosts"]) for tier, group in groups.items()} == {
        tier.name: {node.name for node in tier.nodes} for tier in topology.tiers
    }


def test_every_node_but_the_bastion_is_reached_through_it(
    loaded: LoadedStack, topology: Topology, made: dict[str, NodeOutput], tmp_path: Path
) -> None:
    file = tmp_path / "config"
    file.write_text(inventory.ssh_config(loaded, topology, made, tmp_path / "known_hosts"))
    for node in topology.nodes:
        said = subprocess.run(["ssh", "-G", "-F", str(file), node.name], capture_output=True, text=True, check=True)
        effective = dict(line.split(" ", 1) for line in said.stdout.splitlines() if " " in line)
        assert effective["stricthostkeychecking"] == "true"
        assert effective["hostkeyalias"] == made[node.name].instance_id
        bastion = topology.tier("bastion").nodes[0]
        if node == bastion:
            assert "proxyjump" not in effective
            assert effective["hostname"] == made[node.name].floating_address
        else:
            assert effective["proxyjump"] == bastion.name
            assert effective["hostname"] == node.address


def test_openings_name_addresses_and_never_leave_a_tier_open(topology: Topology, made: dict[str, NodeOutput]) -> None:
    found = variables.resolved(topology, "media", made)
    signalling = next(o for o in found["ingress"] if o["flow"] == "signalling")
    assert signalling["remote"] == [made[n.name].address for n in topology.tier("edge").nodes]
    anywhere = {o["flow"] for o in found["ingress"] if not o["remote"]}
    assert anywhere == {"media-udp", "media-tcp"}
    nowhere = {name: NodeOutput(o.address, o.instance_id, None, o.volume_id) for name, o in made.items()}
    closed = variables.resolved(topology, "media", nowhere)
    assert "relayed-arrival" not in {o["flow"] for o in closed["ingress"]}  # no public address yet: closed, not open


def test_a_node_that_the_program_forgot_is_named(topology: Topology) -> None:
    with pytest.raises(NodeError, match=topology.nodes[-1].name):
        outputs.read({"nodes": {n.name: {"address": "x", "instance_id": "y"} for n in topology.nodes[:-1]}}, topology)


def test_a_host_key_is_read_between_the_marks_alone() -> None:
    assert hostkeys.host_key(CONSOLE) == KEY
    assert hostkeys.host_key(f"login: ssh-ed25519 {KEY}\n") is None
    assert hostkeys.host_key("-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 AAAA\n") is None


def test_keys_are_pinned_once_and_a_replaced_instance_is_read_again(made: dict[str, NodeOutput]) -> None:
    asked: list[str] = []

    def console(instance: str) -> str:
        asked.append(instance)
        return CONSOLE if asked.count(instance) > 1 else "still booting"

    file = hostkeys.pin("demo", made, console, patience=20)
    assert len(file.read_text().splitlines()) == len(made)
    asked.clear()
    hostkeys.pin("demo", made, console, patience=20)
    assert asked == []
    name = next(iter(made))
    replaced = {**made, name: NodeOutput(made[name].address, "another-instance")}
    hostkeys.pin("demo", replaced, lambda _instance: CONSOLE, patience=20)
    text = file.read_text()
    assert "another-instance" in text
    assert made[name].instance_id not in text


def test_no_key_no_connection(made: dict[str, NodeOutput]) -> None:
    with pytest.raises(NodeError, match="no SSH host key") as refused:
        hostkeys.pin("demo", made, lambda _instance: "", patience=0)
    assert refused.value.exit_code == 5
    assert not hostkeys.known_hosts_file("demo").exists()


def test_the_deploy_key_is_in_an_agent_and_in_no_file(tmp_path: Path) -> None:
    pair = vault._ssh_key("demo")
    config = tmp_path / "ssh_config"
    config.write_text("")
    with agent.session(pair["private"], config) as run:
        listed = subprocess.run(["ssh-add", "-L"], env=run.environment, capture_output=True, text=True, check=True)
        assert pair["public"].split()[1] in listed.stdout
        inside = [file for file in run.folder.rglob("*") if file.is_file()]
        assert not any("PRIVATE" in file.read_text() for file in inside)
    assert not run.folder.exists()


def test_a_killed_run_leaves_no_agent(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from socle.nodes import agent, vault\n"
        "with agent.session(vault._ssh_key('demo')['private'], Path('/dev/null')) as run:\n"
        "    print(run.folder, flush=True); time.sleep(60)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    with run:
        assert run.stdout
        folder = Path(run.stdout.readline().strip())
        env = {"SSH_AUTH_SOCK": str(folder / "agent")}
        assert subprocess.run(["ssh-add", "-L"], env=env, capture_output=True, check=False).returncode == 0
        run.kill()
    deadline = time.monotonic() + 30  # ssh-agent looks every 10 s whether its companion lives
    while subprocess.run(["ssh-add", "-L"], env=env, capture_output=True, check=False).returncode != 2:  # 2: no agent
        assert time.monotonic() < deadline
        time.sleep(0.05)
    shutil.rmtree(folder)


def test_names_have_the_floating_addresses_of_their_tier(topology: Topology, made: dict[str, NodeOutput]) -> None:
    wanted = names.records(topology, made)
    assert wanted["turn.visio.demo.example"] == [made[topology.tier("turn").nodes[0].name].floating_address]
    both = {"A": wanted, "AAAA": {"turn.visio.demo.example": ["2001:db8::a"]}}
    zone = names.zone_file(both).splitlines()
    assert len(zone) == len(topology.records) + 1
    assert zone[-1] == "turn.visio.demo.example. 60 IN AAAA 2001:db8::a"


@pytest.mark.parametrize(
    "text",
    [
        'key "k" {\n algorithm hmac-sha256;\n secret "c2VjcmV0";\n};',
        'key k { algorithm hmac-sha256; secret "c2VjcmV0"; };',
    ],
)
def test_a_tsig_key_is_read_in_nsupdate_s_syntax(
    loaded: LoadedStack, tmp_path: Path, text: str, stack_file: Callable[..., Path]
) -> None:
    from dataclasses import replace

    file = tmp_path / "dns.key"
    file.write_text(text)
    update = loaded.cloud.dns.model_copy(update={"key_file": str(file)})
    stack = replace(loaded, cloud=loaded.cloud.model_copy(update={"dns": update}))
    assert names._tsig(stack) == ("k", "hmac-sha256", "c2VjcmV0")
    file.write_text("nonsense")
    with pytest.raises(NodeError, match="not a TSIG key"):
        names._tsig(stack)
