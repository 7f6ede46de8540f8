"""What nodes need around them: from the mirror nodes alone, and from all of these; for one mirror node and for two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache

import pytest

from socle.nodes import render
from socle.stack.load import LoadedStack
from socle.stack.model import Override
from socle.topology import Topology, derive
from socle.topology.flows import Place
from tests.laws.conftest import placed

UNBOUND, NGINX, CHRONY = "/etc/unbound/unbound.conf", "/etc/nginx/nginx.conf", "/etc/chrony/chrony.conf"
RESOLVED = "/etc/systemd/resolved.conf.d/names.conf"
NOT_A_SERVICE = (Place.DHCP, Place.LOOPBACK)
BY_OTHER_ROLES = ("ssh", "metrics")  # asked of every tier


@dataclass(frozen=True)
class Case:
    loaded: LoadedStack
    topology: Topology
    files: Mapping[tuple[str, str], str]

    def of(self, path: str, tier: str = "mirror") -> str:
        return self.files[tier, path]

    @property
    def others(self) -> list[str]:
        return [tier.name for tier in self.topology.tiers if tier.name != "mirror"]

    @property
    def mirrors(self) -> set[str]:
        return self.addresses("mirror")

    def addresses(self, *tiers: str) -> set[str]:
        return {node.address for node in self.topology.nodes if node.tier in tiers}

    def sources(self, flow: str) -> set[str]:
        return self.addresses(*(str(one.source) for one in self.topology.flows if one.name == flow))

    @property
    def given(self) -> dict[str, tuple[str, str]]:
        """What the cloud file names: kind -> name, address."""
        around = self.loaded.cloud.surroundings
        kinds = {
            kind: getattr(around, kind)
            for kind in ("names", "time", "mirror", "registry", "objects", "identity", "mail", "logs")
        }
        return {kind: (server.name, str(server.address)) for kind, server in kinds.items() if server}


@cache
def with_mirrors(stack: str, cloud: str, count: int) -> Case:
    found = placed(stack, cloud)
    assert isinstance(found, tuple)
    wanted = Override(nodes=count, reason="as many mirror nodes as the law is about")
    overrides = {**found[0].stack.overrides, "mirror": wanted}
    loaded = replace(found[0], stack=found[0].stack.model_copy(update={"overrides": overrides}))
    topology = derive(loaded)
    return Case(loaded, topology, render.render(loaded, topology))


@pytest.fixture(params=(1, 2))
def mirrored(loaded: LoadedStack, request: pytest.FixtureRequest) -> Case:
    return with_mirrors(loaded.name, loaded.stack.cloud, request.param)


def test_every_node_asks_every_mirror_node_about_names_and_time(mirrored: Case) -> None:
    for tier in mirrored.others:
        resolvers = re.findall(r"(?m)^DNS=(.*)$", mirrored.of(RESOLVED, tier))
        assert [set(line.split()) for line in resolvers] == [mirrored.mirrors], tier
        clocks = mirrored.of(CHRONY, tier)
        assert set(re.findall(r"(?m)^(?:server|pool|peer) (\S+)", clocks)) == mirrored.mirrors, tier
        assert re.findall(r"(?m)^port (\d+)$", clocks) == ["0"], tier


def test_mirror_nodes_ask_the_ministry_s_servers_and_never_themselves(mirrored: Case) -> None:
    given = mirrored.given
    assert f"DNS={given['names'][1]}\n" in mirrored.of(RESOLVED)
    assert re.findall(r"(?m)^server (\S+)", mirrored.of(CHRONY)) == [given["time"][1]]
    assert re.findall(r"forward-addr: (\S+)", mirrored.of(UNBOUND)) == [given["names"][1]]
    passed_to = [address for address, _port in led_to(mirrored.of(NGINX)).values()]
    assert set(passed_to) <= {address for _name, address in given.values()}  # addresses: nothing is left to resolve
    assert not set(passed_to) & mirrored.mirrors


def test_what_mirror_nodes_listen_on_is_the_matrix(mirrored: Case) -> None:
    names, relays, clocks = mirrored.of(UNBOUND), mirrored.of(NGINX), mirrored.of(CHRONY)
    first = mirrored.topology.tier("mirror").nodes[0].address
    resolver = int(re.search(r"(?m)^    port: (\d+)$", names)[1])  # type: ignore[index]
    clock = int(re.search(r"(?m)^port (\d+)$", clocks)[1])  # type: ignore[index]
    listens = re.findall(r"listen ([\d.]+):(\d+)", relays)
    assert {address for address, _ in listens} == {first}
    assert re.findall(r"interface: (\S+)", names) == re.findall(r"(?m)^bindaddress (\S+)$", clocks) == [first]
    found = {("udp", resolver), ("tcp", resolver), ("udp", clock), *(("tcp", int(port)) for _, port in listens)}
    wanted = {
        (flow.protocol, flow.port)
        for flow in mirrored.topology.flows.into("mirror")
        if flow.source not in NOT_A_SERVICE and flow.name not in BY_OTHER_ROLES
    }
    assert found == wanted


def test_a_relay_leads_where_the_matrix_says(mirrored: Case) -> None:
    """Each server's upstream has the port of the flow that leads to it, and its own address."""
    flows, given = mirrored.topology.flows, mirrored.given
    ways = {"mirror": ("upstream-mirror", "mirror"), "registry": ("upstream-registry", "registry"),
            "objects-inside": ("upstream-objects", "objects"), "mail": ("upstream-mail", "mail"),
            "logs-onward": ("upstream-logs", "logs")}  # fmt: skip
    there = {flow.name for flow in flows}
    wanted = {
        (flows.get(inside).port, given[kind][1], flows.get(outside).port)
        for inside, (outside, kind) in ways.items()
        if inside in there
    }
    if "upstream-identity" in there:  # behind the registry's door, told apart by its name
        wanted.add((flows.get("registry").port, given["identity"][1], flows.get("upstream-identity").port))
    found = led_to(mirrored.of(NGINX))
    assert {(port, address, at) for (port, _name), (address, at) in found.items()} == wanted
    named = {name for _port, name in found if name}
    shared = "objects-inside" in there and flows.get("objects-inside").port == flows.get("registry").port
    assert named == {
        given["registry"][0],
        *([given["identity"][0]] if "upstream-identity" in there else []),
        *([f".{given['objects'][0]}"] if shared else []),
    }


def led_to(relays: str) -> dict[tuple[int, str], tuple[str, int]]:
    """Door, and the name that is asked for where it has several -> where a relay leads."""
    found = {}
    for port, where in re.findall(r"listen [\d.]+:(\d+)[^}]*?proxy_pass ([^;]+);", relays):
        named = [("", where)]
        if where.startswith("$"):
            names = re.search(r"map \S+ \S+ \{([^}]*)\}", relays)
            named = re.findall(r"(\S+) ([\d.]+:\d+);", names[1] if names else "")
        for name, server in named:
            address, _, at = server.partition(":")
            found[int(port), name] = (address, int(at))
    return found


def test_the_resolver_answers_the_stack_s_nodes_and_nobody_else(mirrored: Case) -> None:
    lines = re.findall(r"access-control: (\S+) (\w+)", mirrored.of(UNBOUND))
    assert ("0.0.0.0/0", "refuse") in lines
    assert {block for block, action in lines if action != "refuse"} == {
        f"{address}/32" for address in mirrored.addresses(*mirrored.others)
    }


def test_passed_on_names_lead_to_every_mirror_node(mirrored: Case) -> None:
    text, _view, inside = mirrored.of(UNBOUND).partition("\nview:")
    given = mirrored.given
    for_all = {given[kind][0] for kind in ("mirror", "registry", "time")}
    assert _answers(text) == {(name, address) for name in for_all for address in mirrored.mirrors}
    looking = {f"{address}/32" for address in mirrored.sources("objects-inside")}
    assert set(re.findall(r"access-control-view: (\S+) inside", text)) == looking
    # the others reach the store themselves
    assert _answers(inside) == {(given["objects"][0], a) for a in mirrored.mirrors} if looking else not inside


def _answers(text: str) -> set[tuple[str, str]]:
    return set(re.findall(r'local-data: "(\S+)\. \d+ IN A (\S+)"', text))


def test_nothing_inside_is_told_an_address_outside(mirrored: Case) -> None:
    outside = {address for _name, address in mirrored.given.values()}
    inner = {tier.name for tier in mirrored.topology.tiers if tier.network.inner}
    assert inner
    for (tier, path), text in mirrored.files.items():
        if tier in inner:
            assert not outside & set(re.findall(r"\d+(?:\.\d+){3}", text)), (tier, path)
