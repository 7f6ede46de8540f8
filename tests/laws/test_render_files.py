"""What must hold for the configuration files of every stack."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path

import jinja2
import pytest
import yaml

from socle.nodes import inventory, outputs, render
from socle.stack import load_stack
from socle.topology import derive
from socle.topology.openings import openings
from socle.topology.tiers import role_of
from tests.conftest import ROOT, STACKS

Files = dict[tuple[str, str], str]
ACLS = ("users", "sentinel")  # of Valkey, and of Sentinel
VOTE = {"valkey_replication_password", "valkey_vote_password", "valkey_sentinel_password"}
ROLES = sorted(path.name for path in (ROOT / "playbooks" / "roles").iterdir())


@cache
def rendered(stack: str) -> Files:
    loaded = load_stack(stack)
    return render.render(loaded, derive(loaded))


@pytest.fixture(params=STACKS)
def files(request: pytest.FixtureRequest) -> Files:
    return rendered(request.param)


@pytest.mark.parametrize("stack", STACKS)
def test_rendering_twice_gives_the_same(stack: str) -> None:
    loaded = load_stack(stack)
    assert render.render(loaded, derive(loaded)) == rendered(stack)


@pytest.mark.parametrize("stack", STACKS)
def test_ansible_renders_from_the_inventory_what_is_judged(stack: str, tmp_path: Path) -> None:
    """What Ansible reads went through a file: nothing that a template shows may be lost there, not even an order."""
    loaded = load_stack(stack)
    topology = derive(loaded)
    nodes = outputs.placeholders(topology)
    file = inventory.write(loaded, topology, nodes, "ssh-ed25519 public-key", tmp_path / "known_hosts")
    everything = json.loads(file.read_text())["all"]
    common = {**everything["vars"], "trust": "trust-of-the-cloud\n", "secrets": render.placeholder_secrets(topology)}
    for tier in topology.tiers:
        own = everything["children"][tier.name]["hosts"][tier.nodes[0].name]
        texts = render.node_files(role_of(tier.name), {**common, **own, **render.FOUND})
        assert texts == {path: text for (of, path), text in rendered(stack).items() if of == tier.name}


def test_no_template_is_left_over_or_unused(files: Files) -> None:
    assert not [key for key, text in files.items() if "{{" in text or "{%" in text]
    for role in ROLES:
        folder = ROOT / "playbooks" / "roles" / role
        listed = folder / "vars" / "main.yml"
        named = set(re.findall(r"template: ([\w.-]+)", listed.read_text())) if listed.exists() else set()
        assert {path.name for path in folder.glob("templates/*")} == named, role


def test_a_value_that_does_not_exist_is_refused() -> None:
    loaded = load_stack("demo")
    topology = derive(loaded)
    with pytest.raises(jinja2.UndefinedError):
        render.node_files(topology.tiers[0].name, {"stack": {}})


@pytest.mark.parametrize("stack", STACKS)
def test_the_firewall_is_the_flow_matrix_and_nothing_more(stack: str) -> None:
    topology = derive(load_stack(stack))
    for tier in topology.tiers:
        text = rendered(stack)[tier.name, "/etc/nftables.conf"]
        assert text.count("policy drop;") == 3
        assert "flush ruleset" not in text
        lines = re.findall(r'(tcp|udp|vrrp)(?: dport (\S+))? accept comment "([\w-]+)"', text)
        wanted = {
            (o.protocol, "" if not o.first else f"{o.first}-{o.last}" if o.last > o.first else str(o.first), o.flow)
            for o in openings(topology, tier.name)
        }
        assert set(lines) == wanted


@pytest.mark.parametrize("stack", STACKS)
def test_ports_in_templates_come_from_the_matrix(stack: str) -> None:
    """A port that a template writes itself would stay when the matrix changes."""
    ports = {str(p) for f in derive(load_stack(stack)).flows for p in (f.first, f.last)}
    for template in (ROOT / "playbooks" / "roles").glob("*/templates/*"):
        words = set(re.findall(r"(?<![\w.-])\d{2,5}(?![\w.-])", re.sub(r"(?m)#.*$", "", template.read_text())))
        assert not words & (ports - {"53", "67", "68", "65535"}), template.name


def test_livekit_reads_valid_yaml_and_asks_no_stranger(files: Files) -> None:
    settings = yaml.safe_load(files["media", "/etc/livekit/livekit.yaml"])
    assert settings["rtc"]["use_external_ip"] is False
    assert settings["redis"]["tls"] == {"enabled": True, "insecure": False, "ca_cert_file": "/etc/livekit/bus-ca.pem"}
    assert {server["protocol"] for server in settings["rtc"]["turn_servers"]} == {"udp", "tls"}
    hosts = {server["host"] for server in settings["rtc"]["turn_servers"]}
    assert all(server.startswith(tuple(hosts)) for server in settings["rtc"]["stun_servers"])


def test_the_lab_s_switches_are_in_the_lab_alone() -> None:
    for stack in STACKS:
        lab = load_stack(stack).stack.environment.value == "lab"
        assert ("num_tracks: -1" in rendered(stack)["media", "/etc/livekit/livekit.yaml"]) is lab
        assert ("force-unsafe-io" in rendered(stack)["media", "/etc/dpkg/dpkg.cfg.d/socle"]) is lab


def test_a_secret_is_in_files_that_others_cannot_read(files: Files) -> None:
    modes: dict[str, str] = {}
    for role in ROLES:
        for entry in render._listed(ROOT / "playbooks" / "roles" / role, role):
            modes[entry["path"]] = entry.get("mode", "0644")
    for (_tier, path), text in files.items():
        if re.search(r"(value-of|key-of)-\w+", text):
            assert modes[path][-1] == "0", path


def test_a_users_file_of_valkey_has_users_alone(files: Files) -> None:
    """Valkey refuses a comment there; a default user with `nopass` makes protected mode refuse everybody."""
    texts = [files[key] for of in ACLS if (key := ("bus", f"/etc/valkey/{of}.acl")) in files]
    assert texts
    for text in texts:
        lines = text.splitlines()
        assert all(line.startswith("user ") for line in lines)
        assert "nopass" not in text
        assert " off " in lines[0]
        assert "-of-" not in text, "passwords are there as their digests"


@pytest.mark.parametrize("stack", STACKS)
def test_several_nodes_of_the_bus_vote_and_livekit_asks_them_who_leads(stack: str) -> None:
    topology = derive(load_stack(stack))
    addresses = [node.address for node in topology.tier("bus").nodes]
    files, votes = rendered(stack), len(addresses) > 1
    bus = yaml.safe_load(files["media", "/etc/livekit/livekit.yaml"])["redis"]
    asked = [address.rsplit(":", 1) for address in bus.get("sentinel_addresses", [])]
    port = next((str(flow.port) for flow in topology.flows if flow.name == "bus-sentinel"), "")
    assert asked == ([[address, port] for address in addresses] if votes else [])
    assert ("address" in bus) is not votes
    assert (("bus", "/etc/valkey/sentinel.conf") in files) is votes
    assert ("min-replicas-to-write" in files["bus", "/etc/valkey/valkey.conf"]) is votes
    users = {of: re.findall(r"(?m)^user (\w+) on", files.get(("bus", f"/etc/valkey/{of}.acl"), "")) for of in ACLS}
    assert users == (
        {"users": ["livekit", "replica", "sentinel"], "sentinel": ["livekit", "sentinel"]}
        if votes
        else {"users": ["livekit"], "sentinel": []}
    )


def test_who_leads_the_bus_is_in_no_file_that_a_run_writes(files: Files) -> None:
    """Sentinel decides it, and Valkey and Sentinel note it: a file that said it too would take the decision back."""
    for (tier, path), text in files.items():
        if tier == "bus":
            assert not re.search(r"(?m)^\s*(replicaof|slaveof|sentinel monitor)\b", text), path


def test_the_secrets_of_the_vote_are_there_with_the_vote_alone() -> None:
    for stack in STACKS:
        topology = derive(load_stack(stack))
        of_the_vote = {secret.name: secret.tiers for secret in topology.secrets if secret.name in VOTE}
        assert set(of_the_vote) == (VOTE if len(topology.tier("bus").nodes) > 1 else set())
        assert all("media" not in tiers for name, tiers in of_the_vote.items() if name != "valkey_sentinel_password")
