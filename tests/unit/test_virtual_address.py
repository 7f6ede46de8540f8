"""The address that the edges pass on among themselves, where the cloud has no load balancer."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache

import pytest

from socle.nodes import outputs as program
from socle.nodes import render, variables
from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import STACKS

CONF = "/etc/keepalived/keepalived.conf"
CHECK = "/usr/local/libexec/nginx-answers"
UNIT = "/etc/systemd/system/keepalived.service.d/hardening.conf"
NGINX = "/etc/nginx/nginx.conf"
SHARING = "armees"  # its cloud has no load balancer
BALANCED = [stack for stack in STACKS if derive(load_stack(stack)).fronts[0].way == "load-balancer"]


@cache
def edges(stack: str, count: int | None = None) -> dict[str, dict[str, str]]:
    """Node -> its files; of the first nodes alone, as if there were no more."""
    loaded = load_stack(stack)
    topology = derive(loaded)
    fewer = (replace(tier, nodes=tier.nodes[:count]) if tier.name == "edge" else tier for tier in topology.tiers)
    topology = replace(topology, tiers=tuple(fewer))
    nodes = program.placeholders(topology)
    common = variables.common(loaded, topology, nodes, "ssh-ed25519 key", "trust") | render.FOUND
    common["secrets"] = render.placeholder_secrets(topology)
    tier = topology.tier("edge")
    return {
        node.name: render.node_files("edge", common | variables.of_node(topology, node, nodes)) for node in tier.nodes
    }


def listening(text: str) -> set[str]:
    return set(re.findall(r"listen (\S+) ssl", text))


def values(option: str) -> dict[str, str]:
    """Node -> what its keepalived is told."""
    found = {name: re.findall(rf"(?m)^\s*{option} (.+)$", files[CONF]) for name, files in edges(SHARING).items()}
    assert all(len(lines) == 1 for lines in found.values())
    return {name: lines[0] for name, lines in found.items()}


def test_the_edges_hold_the_address_of_their_front_and_know_each_other() -> None:
    topology = derive(load_stack(SHARING))
    (front,) = topology.fronts
    addresses = {node.name: node.address for node in topology.tier("edge").nodes}
    assert len(addresses) > 1
    for node, files in edges(SHARING).items():
        block = re.search(r"virtual_ipaddress \{([^}]*)\}", files[CONF])
        assert block and block[1].split()[0] == f"{front.address}/32"
        peers = re.search(r"unicast_peer \{([^}]*)\}", files[CONF])
        assert peers
        named = {line.split()[0] for line in peers[1].strip().splitlines()}
        assert named == set(addresses.values()) - {addresses[node]}
    assert values("unicast_src_ip") == addresses
    assert len(set(values("virtual_router_id").values())) == 1


def test_the_one_that_comes_back_takes_nothing() -> None:
    assert set(values("state").values()) == {"BACKUP"}
    assert all("nopreempt" in files[CONF] for files in edges(SHARING).values())
    priorities = list(map(int, values("priority").values()))
    assert len(set(priorities)) == len(priorities)  # a vote without a tie
    assert all(1 <= priority <= 254 for priority in priorities)


def test_an_edge_alone_has_the_address_at_once_and_no_peer() -> None:
    """keepalived refuses a list of peers without a peer."""
    (files,) = edges(SHARING, 1).values()
    assert "unicast" not in files[CONF]
    assert "nopreempt" not in files[CONF]
    assert re.search(r"(?m)^\s*priority 255$", files[CONF])  # the owner: any other waits for three announcements first


def test_who_does_not_answer_gives_the_address_up() -> None:
    for files in edges(SHARING).values():
        script = re.search(r"vrrp_script (\S+) \{\s*script (\S+)", files[CONF])
        assert script and script[2] == CHECK
        assert re.search(rf"track_script \{{\s*{script[1]}\s*\}}", files[CONF])
        (asked,) = re.findall(r"-connect \S+:(\d+)", files[CHECK])
        assert listening(files[NGINX]) == {asked}  # on every address: the shared one may arrive at any time


def test_a_restart_of_nginx_does_not_stop_keepalived() -> None:
    unit = next(iter(edges(SHARING).values()))[UNIT]
    assert "After=nginx.service" in unit
    assert not re.search(r"(?m)^(Requires|BindsTo|PartOf)=", unit)


@pytest.mark.parametrize("stack", BALANCED)
def test_behind_a_load_balancer_there_is_none_of_it(stack: str) -> None:
    topology = derive(load_stack(stack))
    for node in topology.tier("edge").nodes:
        files = edges(stack)[node.name]
        assert not {CONF, CHECK, UNIT} & set(files)
        assert listening(files[NGINX]) == {f"{node.address}:{topology.flows.get('https').port}"}


def test_the_way_is_in_nginx_s_unit_so_that_another_way_restarts_it() -> None:
    unit = "/etc/systemd/system/nginx.service.d/hardening.conf"
    assert BALANCED
    first = {stack: next(iter(edges(stack).values()))[unit] for stack in (SHARING, BALANCED[0])}
    assert len(set(first.values())) == 2
