"""What must hold for the configuration files of every stack."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jinja2
import pytest
import yaml

from socle.nodes import inventory, outputs, render, variables
from socle.stack import load_stack
from socle.topology import derive
from socle.topology.openings import openings
from tests.conftest import ROOT, STACKS
from tests.models import files_of, topology_of

Files = dict[tuple[str, str], str]
ACLS = ("users", "sentinel")  # of Valkey, and of Sentinel
VOTE = ("replication_password", "vote_password", "sentinel_password")
# what Prometheus and Alertmanager fill in themselves: values of an alert, and how a mail is put together
OF_PROMETHEUS = re.compile(r"\{\{-? ?(?:[$.]|if |else |end |len |range )[^{}]*\}\}")
VALKEY = {"bus": ("valkey", "media"), "cache": ("cache", "application")}  # how its secrets begin, and who asks it
BESIDE = {"recording": "egress", "telephony": "sip"}  # LiveKit's own services on the bus, by tier
ROLES = sorted(path.name for path in (ROOT / "playbooks" / "roles").iterdir())


@pytest.fixture(params=STACKS)
def files(request: pytest.FixtureRequest) -> Files:
    return files_of(request.param)


@pytest.mark.parametrize("stack", STACKS)
def test_a_node_is_told_what_the_base_role_knows(stack: str) -> None:
    """Ansible refuses a value that the argument specification lacks, on every node."""
    file = ROOT / "playbooks" / "roles" / "base" / "meta" / "argument_specs.yml"
    known = yaml.safe_load(file.read_text())["argument_specs"]["main"]["options"]["node"]["options"]
    topology = topology_of(stack)
    for node in topology.nodes:
        assert set(variables.of_node(topology, node, outputs.placeholders(topology))["node"]) == set(known)


@pytest.mark.parametrize("stack", STACKS)
def test_rendering_twice_gives_the_same(stack: str) -> None:
    loaded = load_stack(stack)
    assert render.render(loaded, derive(loaded)) == files_of(stack)


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
        own = {**common, **everything["children"][tier.name]["hosts"][tier.nodes[0].name]}
        handed = {name: own[name] for name in render._rendering().MODEL if name in own}  # as the action does
        texts = render.node_files(tier.name, {**handed, **render.FOUND})
        assert texts == {path: text for (of, path), text in files_of(stack).items() if of == tier.name}


def test_no_template_is_left_over_or_unused(files: Files) -> None:
    texts = {key: OF_PROMETHEUS.sub("", text) for key, text in files.items()}
    assert not [key for key, text in texts.items() if "{{" in text or "{%" in text]
    for role in ROLES:
        folder = ROOT / "playbooks" / "roles" / role
        listed = [*folder.glob("vars/main.yml"), *folder.glob("vars/main/*.yml")]
        named = {name for file in listed for name in re.findall(r"template: ([\w.-]+)", file.read_text())}
        there = {path.name: path.read_text() for path in folder.glob("templates/*")}
        shared = {name for text in there.values() for name in re.findall(r'\{% import "([\w.-]+)"', text)}
        assert set(there) == named | shared, role


def test_a_value_that_does_not_exist_is_refused() -> None:
    loaded = load_stack("demo")
    topology = derive(loaded)
    with pytest.raises(jinja2.UndefinedError):
        render.node_files(topology.tiers[0].name, {"stack": {}})


@pytest.mark.parametrize("stack", STACKS)
def test_the_firewall_is_the_flow_matrix_and_nothing_more(stack: str) -> None:
    topology = derive(load_stack(stack))
    for tier in topology.tiers:
        text = files_of(stack)[tier.name, "/etc/nftables.conf"]
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
        assert ("num_tracks: -1" in files_of(stack)["media", "/etc/livekit/livekit.yaml"]) is lab
        assert ("force-unsafe-io" in files_of(stack)["media", "/etc/dpkg/dpkg.cfg.d/socle"]) is lab


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
    texts = [files[key] for tier in VALKEY for of in ACLS if (key := (tier, f"/etc/valkey/{of}.acl")) in files]
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
    files, votes = files_of(stack), len(addresses) > 1
    bus = yaml.safe_load(files["media", "/etc/livekit/livekit.yaml"])["redis"]
    asked = [address.rsplit(":", 1) for address in bus.get("sentinel_addresses", [])]
    port = next((str(flow.port) for flow in topology.flows if flow.name == "bus-sentinel"), "")
    assert asked == ([[address, port] for address in addresses] if votes else [])
    assert ("address" in bus) is not votes
    assert (("bus", "/etc/valkey/sentinel.conf") in files) is votes
    assert ("min-replicas-to-write" in files["bus", "/etc/valkey/valkey.conf"]) is votes
    watched = ["monitoring"] if topology.has("monitoring") else []
    users = {of: re.findall(r"(?m)^user (\w+) on", files.get(("bus", f"/etc/valkey/{of}.acl"), "")) for of in ACLS}
    clients = ["livekit", *(user for tier, user in BESIDE.items() if topology.has(tier))]
    assert users == (
        {"users": [*clients, *watched, "replica", "sentinel"], "sentinel": [*clients, "sentinel"]}
        if votes
        else {"users": [*clients, *watched], "sentinel": []}
    )


def test_who_leads_the_bus_is_in_no_file_that_a_run_writes(files: Files) -> None:
    """Sentinel decides it, and Valkey and Sentinel note it: a file that said it too would take the decision back."""
    for (tier, path), text in files.items():
        if tier in VALKEY:
            assert not re.search(r"(?m)^\s*(replicaof|slaveof|sentinel monitor)\b", text), path


@pytest.mark.parametrize("tier", VALKEY)
def test_the_secrets_of_the_vote_are_there_with_the_vote_alone(tier: str) -> None:
    prefix, asking = VALKEY[tier]
    vote = {f"{prefix}_{name}" for name in VOTE}
    for stack in STACKS:
        topology = derive(load_stack(stack))
        of_the_vote = {secret.name: secret.tiers for secret in topology.secrets if secret.name in vote}
        assert set(of_the_vote) == (vote if topology.has(tier) and len(topology.tier(tier).nodes) > 1 else set())
        assert all(asking not in tiers for name, tiers in of_the_vote.items() if not name.endswith("sentinel_password"))


def test_the_cache_is_the_bus_s_role_with_its_own_names_secrets_and_rights() -> None:
    stack = "twozones"
    files, topology = files_of(stack), derive(load_stack(stack))
    for tier, (prefix, _asking) in VALKEY.items():
        texts = {path: text for (of, path), text in files.items() if of == tier and path.startswith("/etc/valkey/")}
        others = {secret.name for secret in topology.secrets if tier not in secret.tiers}
        everything = "".join(texts.values())
        assert f"value-of-{prefix}_vote_password" in everything
        assert not [name for name in others if f"-of-{name}" in everything]
        assert f"sentinel down-after-milliseconds {tier} " in texts["/etc/valkey/sentinel.conf"]
        assert texts["/etc/valkey/valkey.conf"].count("maxmemory-policy noeviction") == 1
    users = {tier: files[tier, "/etc/valkey/users.acl"].splitlines()[1] for tier in VALKEY}
    assert users["bus"].endswith("~* &* +@all -@admin")
    assert users["cache"].endswith("~* &* +@all -@admin -@dangerous +keys +info")
    memory = topology.tier("cache").memory
    assert f"\nmaxmemory {int(memory * 0.6)}mb\n" in files["cache", "/etc/valkey/valkey.conf"]
    assert "\nmaxmemory " not in files["bus", "/etc/valkey/valkey.conf"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_database_lets_in_whom_the_matrix_names_each_to_what_is_his(stack: str) -> None:
    topology = derive(load_stack(stack))
    if not topology.has("database"):
        assert not [key for key in files_of(stack) if key[0] == "database"]
        return
    own = [node.address for node in topology.tier("database").nodes]
    clients = [n.address for t in topology.tiers for n in t.nodes if t.name in ("application", "workers")]
    config = yaml.safe_load(files_of(stack)["database", "/etc/patroni/config.yml"])
    lines = [line.split() for line in config["postgresql"]["pg_hba"]]
    assert {tuple(words[:4]) for words in lines if words[0] != "local"} == {
        *(("hostssl", "meet", "meet", f"{address}/32") for address in clients),
        *(("hostssl", *who, f"{address}/32") for address in own
          for who in (("replication", "replication"), ("postgres", "rewind"), ("probe", "probe"))),
    }  # fmt: skip
    assert [words[1:] for words in lines if words[0] == "local"] == [
        ["all", "postgres", "peer"], ["postgres", "monitoring", "scram-sha-256"]
    ]  # fmt: skip


@pytest.mark.parametrize("stack", STACKS)
def test_what_the_database_acknowledges_is_on_two_nodes_where_there_are_two(stack: str) -> None:
    topology = derive(load_stack(stack))
    if topology.has("database"):
        several = len(topology.tier("database").nodes) > 1
        shared = yaml.safe_load(files_of(stack)["database", "/etc/patroni/config.yml"])["bootstrap"]["dcs"]
        assert (shared["synchronous_mode"], shared["synchronous_mode_strict"]) == (several, several)
        assert shared["loop_wait"] + 2 * shared["retry_timeout"] <= shared["ttl"], "Patroni would change them itself"
        assert "\nsynchronous_commit = on\n" in files_of(stack)["database", "/etc/patroni/postgresql.conf"]


def test_a_replica_in_step_is_known_by_what_all_nodes_of_the_tier_share() -> None:
    loaded = load_stack("twozones")
    topology = derive(loaded)
    nodes = outputs.placeholders(topology)
    common = variables.common(loaded, topology, nodes, "key", "trust\n")
    common["secrets"] = render.placeholder_secrets(topology)
    tags = set()
    for node in topology.tier("database").nodes:
        own = {**common, **variables.of_node(topology, node, nodes), **render.FOUND}
        tags.add(yaml.safe_load(render.node_files("database", own)["/etc/patroni/config.yml"])["tags"]["configured"])
    assert len(tags) == 1
