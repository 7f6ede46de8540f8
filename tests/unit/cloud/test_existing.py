"""What the ministry's cloud team owns: in the file without contradiction, in the cloud once, as written, and free."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socle.engine import preflight
from socle.engine.answers import CloudErrors
from socle.errors import InputError
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from socle.topology import derive
from tests.cloud import Cloud, refusal
from tests.conftest import GOOD
from tests.unit.cloud.conftest import furnish

if TYPE_CHECKING:
    from openstack.connection import Connection

Write = Callable[..., Path]
EDGE = {"network": "team-edge", "subnet": "team-edge-v4", "cidr": "10.200.1.0/24"}
OWN: dict[str, Any] = {"networks": {"edge": EDGE}, "addresses": {"edge": ["203.0.113.7"]}, "zone": "exemple.example"}
NETWORK = {"id": "n1", "name": "team-edge"}
SUBNET = {"id": "s1", "name": "team-edge-v4", "network_id": "n1", "cidr": "10.200.1.0/24", "gateway_ip": "10.200.1.1"}
ADDRESS = {"id": "a1", "floating_ip_address": "203.0.113.7", "port_id": None, "fixed_ip_address": None}
ZONE = {"id": "z1", "name": "exemple.example."}
RECORD = {"id": "r1", "name": "visio.exemple.example.", "type": "A", "records": ["192.0.2.1"], "description": None}
FRONT = {"id": "p1", "name": "vip", "network_id": "n1", "fixed_ips": [{"ip_address": "10.200.1.9"}]}
NODE = {"id": "p2", "name": "x", "network_id": "n1", "fixed_ips": [{"ip_address": "10.200.1.10"}]}

# --- in the file ---


@pytest.mark.parametrize(
    ("own", "code", "text"),
    [
        ({"networks": {"egde": EDGE}}, "SOC-1213", "egde"),
        ({"networks": {"edge": {**EDGE, "cidr": "10.90.8.0/24"}}}, "SOC-1201", "10.90.8.0/24"),
        ({"networks": {"edge": {**EDGE, "cidr": "203.0.113.0/25"}}}, "SOC-1201", "203.0.113.0/25"),
        ({"networks": {"edge": EDGE, "media": {**EDGE, "network": "m"}}}, "SOC-1201", "10.200.1.0/24"),
        ({"networks": {"media": {**EDGE, "cidr": "10.200.1.0/29"}}}, "SOC-1204", "10.200.1.0/29"),
        ({"addresses": {"edgy": ["203.0.113.7"]}}, "SOC-1213", "edgy"),
        ({"addresses": {"media": ["203.0.113.7"]}}, "SOC-4224", "media"),
        ({"addresses": {"edge": []}}, "SOC-4224", "edge"),
        ({"addresses": {"application": ["203.0.113.7"]}}, "SOC-4224", "application"),
        ({"addresses": {"edge": ["203.0.113.7", "203.0.113.7"]}}, "SOC-4222", "203.0.113.7"),
        ({"addresses": {"edge": ["203.0.113.7"], "bastion": ["203.0.113.7"]}}, "SOC-4222", "203.0.113.7"),
        ({"zone": "other.example"}, "SOC-4223", "other.example"),
        ({"zone": "emple.example"}, "SOC-4223", "emple.example"),
    ],
)
def test_a_contradiction_in_the_file_has_a_place(stack_file: Write, own: dict[str, Any], code: str, text: str) -> None:
    file = stack_file(existing=own)
    with pytest.raises(InputError) as caught:
        derive(load_stack(str(file)))
    error = caught.value
    assert error.code == code
    assert error.where
    assert text in file.read_text().splitlines()[error.where.line - 1]


@pytest.mark.parametrize("zone", ["visio.exemple.example", "exemple.example"])
def test_the_zone_may_be_the_domain_or_above_it(stack_file: Write, zone: str) -> None:
    topology = derive(load_stack(str(stack_file(existing={**OWN, "zone": zone}))))
    edge = topology.tier("edge")
    assert (edge.network.name, edge.network.existing, edge.network.cidr) == ("team-edge", "team-edge-v4", EDGE["cidr"])
    assert [front.public for front in topology.fronts] == ["203.0.113.7"]


# --- in the cloud ---


@pytest.fixture
def owning(loaded: LoadedStack, tmp_path: Path) -> LoadedStack:
    """The stack of the tests' cloud, with networks, addresses and a zone of the cloud team's."""
    import yaml

    file = tmp_path / "exemple.yaml"
    file.write_text(yaml.safe_dump({**GOOD, "cloud": "here", "existing": OWN}))
    return replace(load_stack(str(file)), cloud=loaded.cloud)


def prepared(cloud: Cloud, loaded: LoadedStack, **changes: Any) -> None:
    """The cloud as the file says it is, but for the changes, by what is listed."""
    furnish(cloud, loaded)
    outside = {"id": "outside", "name": loaded.cloud.external_network.name}
    lists = {
        "networks": [NETWORK], "subnets": [SUBNET], "floatingips": [ADDRESS], "ports": [], "zones": [ZONE],
        "recordsets": [],
    } | changes  # fmt: skip
    for kind in ("subnets", "floatingips", "ports"):
        cloud.usual(f"^GET /network/v2.0/{kind}$", {kind: lists[kind]})
    cloud.usual("^GET /network/v2.0/networks$", {"networks": [outside, *lists["networks"]]})
    for port in lists["ports"]:
        cloud.usual(f"^GET /network/v2.0/ports/{port['id']}$", {"port": port})
    for network in (NETWORK, {"id": "n2", "name": "elsewhere"}):
        cloud.usual(f"^GET /network/v2.0/networks/{network['id']}$", {"network": network})
    cloud.usual("^GET /dns/v2/zones$", {"zones": lists["zones"]})
    cloud.usual("^GET /dns/v2/zones/z1/recordsets$", {"recordsets": lists["recordsets"]})


USED = {**ADDRESS, "port_id": "p1", "fixed_ip_address": "10.200.1.9"}
MINE = {"description": "socle:exemple public name"}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"floatingips": [USED], "ports": [FRONT]},
        {"recordsets": [{**RECORD, **MINE}]},
        {"recordsets": [{**RECORD, "name": "mail.exemple.example."}, {**RECORD, "type": "TXT"}]},
        {"ports": [{**NODE, "description": "socle:exemple exemple-edge-1"}]},
        {"ports": [{**NODE, "fixed_ips": [{"ip_address": "10.200.1.200"}]}]},
        {"zones": [ZONE, {"id": "z2", "name": "sub.exemple.example."}]},
    ],
    ids=[
        "new",
        "the stack's own address",
        "its own record",
        "others' records",
        "its own port",
        "others' port",
        "zones",
    ],
)
def test_what_is_as_written_is_taken(
    cloud: Cloud, connection: Connection, owning: LoadedStack, changes: dict[str, Any]
) -> None:
    prepared(cloud, owning, **changes)
    preflight.existence(connection, owning, derive(owning))
    assert not [call for call in cloud.asked if not call.startswith(("GET", "POST /v3/auth/tokens"))]


@pytest.mark.parametrize(
    ("changes", "code", "line", "said"),
    [
        ({"networks": []}, "SOC-4225", "network: team-edge", "team-edge"),
        ({"networks": [NETWORK, {**NETWORK, "id": "n3"}]}, "SOC-4226", "network: team-edge", "team-edge"),
        ({"subnets": []}, "SOC-4225", "subnet: ", "team-edge-v4"),
        ({"subnets": [SUBNET, {**SUBNET, "id": "s2"}]}, "SOC-4226", "subnet: ", "team-edge-v4"),
        ({"subnets": [{**SUBNET, "cidr": "10.200.0.0/23"}]}, "SOC-4227", "cidr: 10.200.1.0/24", "10.200.0.0/23"),
        ({"subnets": [{**SUBNET, "gateway_ip": "10.200.1.254"}]}, "SOC-4227", "subnet: ", "10.200.1.254"),
        ({"subnets": [{**SUBNET, "gateway_ip": None}]}, "SOC-4227", "subnet: ", "none"),
        ({"ports": [NODE]}, "SOC-4228", "cidr: 10.200.1.0/24", "10.200.1.10"),
        ({"floatingips": []}, "SOC-4225", "- 203.0.113.7", "203.0.113.7"),
        (
            {"floatingips": [{**USED, "fixed_ip_address": "10.200.1.77"}], "ports": [FRONT]},
            "SOC-4228", "- 203.0.113.7", "203.0.113.7",
        ),
        (
            {"floatingips": [USED], "ports": [{**FRONT, "network_id": "n2"}]},
            "SOC-4228", "- 203.0.113.7", "203.0.113.7",
        ),
        ({"zones": []}, "SOC-4225", "zone: exemple.example", "exemple.example"),
        ({"zones": [{"id": "z2", "name": "xexemple.example."}]}, "SOC-4225", "zone: ", "exemple.example"),
        ({"zones": [ZONE, {**ZONE, "id": "z2"}]}, "SOC-4226", "zone: exemple.example", "exemple.example"),
        ({"recordsets": [RECORD]}, "SOC-4228", "zone: exemple.example", "visio.exemple.example."),
    ],
)  # fmt: skip
def test_what_is_not_is_one_clear_error_with_its_place(
    cloud: Cloud, connection: Connection, owning: LoadedStack, changes: dict[str, Any], code: str, line: str, said: str
) -> None:
    prepared(cloud, owning, **changes)
    refused = refusal(lambda: preflight.existence(connection, owning, derive(owning)))
    assert isinstance(refused, CloudErrors)
    (one,) = refused.errors
    assert one.code == code and said in one.message and one.where
    assert line in owning.file.read_text().splitlines()[one.where.line - 1]
    assert str(one.where) in refused.lines()[0]


def test_all_are_told_in_one_go(cloud: Cloud, connection: Connection, owning: LoadedStack) -> None:
    furnish(cloud, owning)
    refused = refusal(lambda: preflight.existence(connection, owning, derive(owning)))
    assert isinstance(refused, CloudErrors)
    assert len([one for one in refused.errors if one.code == "SOC-4225"]) == 3


def test_an_image_that_two_have_the_name_of(cloud: Cloud, connection: Connection, loaded: LoadedStack) -> None:
    furnish(cloud, loaded)
    (name,) = {image.name for image in loaded.cloud.images.values()}
    cloud.usual("^GET /image/v2/images$", {"images": [{"id": str(n), "name": name} for n in range(2)]})
    refused = refusal(lambda: preflight.existence(connection, loaded, derive(loaded)))
    assert refused.code == "SOC-4226" and name in refused.message


# --- what the rules say of it ---


def test_given_addresses_are_the_tiers_own_for_the_rules(stack_file: Write) -> None:
    """The program writes them as they are; without them its rules hold references to the addresses that it makes."""
    from datetime import date

    from socle import assess
    from socle.graph.capture import capture

    none = {"nodes": 0, "reason": "the smallest stack that there can be"}
    small: dict[str, Any] = {
        "cloud": "lab", "environment": "lab", "availability": "single", "identity": {"provider": "none"},
        "people": {"seats": 40, "peak_in_call": 0.25, "largest_room": 8},
        "overrides": dict.fromkeys(
            ("application", "workers", "database", "cache", "monitoring", "logs", "backup"), none
        ) | {"turn": {"nodes": 1, "reason": "one address was given for it"}},
        "existing": {"networks": {"edge": EDGE}, "addresses": {"edge": ["198.51.100.7"], "turn": ["198.51.100.8"]}},
    }  # fmt: skip
    loaded = load_stack(str(stack_file(**small)))
    topology = derive(loaded)
    graph = capture(loaded, topology)
    model = assess.intended(loaded, topology, today=date(2026, 11, 25), graph=graph)
    found = assess.assess(model, ("plan",))
    assert [one.subject for one in found.findings if one.control == "GOV-07" and one.fails] == []
    assert any(rule.get("remote_ip_prefix") == "198.51.100.8/32" for rule in graph)
