"""What a stack has in the services that not every cloud offers: found by its marks, and deleted in a safe order."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from socle.engine import access, drift, inventory, objects, recovery
from socle.engine.inventory import Thing
from socle.engine.patience import Patience
from socle.graph import model
from socle.graph.model import Ref
from socle.stack.load import LoadedStack
from tests.cloud import Clock, Cloud, error, refusal

if TYPE_CHECKING:
    from openstack.connection import Connection

MARK = {"description": "socle:exemple of the tests"}
BALANCER = {"id": "lb", "name": "exemple-edge-front-balancer", **MARK}
ROUTE = {"destination": "10.9.0.0/24", "nexthop": "10.9.31.10"}
LISTINGS: dict[str, Any] = {
    "lb/v2.0/lbaas/loadbalancers": {"loadbalancers": [BALANCER]},
    "lb/v2.0/lbaas/listeners": {"listeners": [{"id": "li", "name": "l", "loadbalancers": [{"id": "lb"}], **MARK}]},
    "lb/v2.0/lbaas/pools": {"pools": [{"id": "po", "name": "p", "loadbalancers": [{"id": "lb"}], **MARK}]},
    "lb/v2.0/lbaas/healthmonitors": {
        "healthmonitors": [{"id": "mo", "name": "exemple-edge-front-monitor", "pools": [{"id": "po"}]}]
    },
    "dns/v2/zones": {"zones": [{"id": "z", "name": "visio.exemple.example.", **MARK}]},
    "dns/v2/zones/z/recordsets": {
        "recordsets": [
            {"id": "r", "name": "visio.exemple.example.", "type": "A", "records": ["192.0.2.1"], **MARK},
            {"id": "soa", "name": "visio.exemple.example.", "type": "SOA", "records": ["x"], "description": None},
        ]
    },
    "objects/v1/AUTH_p/?": [{"name": "exemple-files"}, {"name": "exemple-files+segments"}, {"name": "somebody-s"}],
    "network/v2.0/routers": {"routers": [{"id": "ro", "name": "exemple-router", "routes": [ROUTE], **MARK}]},
}
NAMES = {"exemple-edge-front-monitor", "exemple-files"}
FOUND = {
    ("load balancer", "lb"), ("listener", "li"), ("pool", "po"), ("health monitor", "mo"), ("DNS zone", "z"),
    ("record set", "z/r"), ("container", "exemple-files"), ("container", "exemple-files+segments"), ("router", "ro"),
    ("router route", "ro-route-10.9.0.0/24-10.9.31.10"),
}  # fmt: skip


@pytest.fixture
def full(cloud: Cloud) -> Cloud:
    for call, body in LISTINGS.items():
        cloud.usual(f"^GET /{call}$", body)
    return cloud


def of_stack(connection: Connection) -> set[tuple[str, str]]:
    with access.cloud_errors():
        found = inventory.of_stack(inventory.everything(connection), "exemple", NAMES)
    return {(thing.kind, thing.id) for thing in found}


def test_every_kind_is_found_by_its_marks(full: Cloud, connection: Connection) -> None:
    assert of_stack(connection) == FOUND


@pytest.mark.parametrize("service", ["load-balancer", "dns", "object-store"])
def test_a_service_that_is_not_offered_is_not_asked(
    full: Cloud, loaded: LoadedStack, patience: Patience, service: str
) -> None:
    full.forget(without=[service])
    of_stack(access.connect(loaded, patience))
    path = {"load-balancer": "/lb/", "object-store": "/objects/"}.get(service, f"/{service}/")
    assert full.count("^GET /compute") and not full.count(f"^GET {path}")


@pytest.mark.parametrize(
    ("call", "left"),
    [("lb/v2.0/lbaas/pools", "DNS zone"), ("dns/v2/zones", "pool"), ("objects/v1/AUTH_p/?", "load balancer")],
)
def test_who_may_not_look_has_made_nothing_there(full: Cloud, connection: Connection, call: str, left: str) -> None:
    full.script(f"^GET /{call}$", error(403), times=9)
    assert left in {kind for kind, _id in of_stack(connection)}
    full.forget()
    full.script(f"^GET /{call}$", error(500), times=9)
    assert refusal(lambda: inventory.everything(connection)).code == "SOC-4125"


def test_users_go_before_what_they_use_and_a_container_is_emptied_first(
    full: Cloud, connection: Connection, patience: Patience
) -> None:
    versions = [{"name": "a b/c", "version_id": "2"}, {"name": "a b/c", "version_id": "1"}, {"name": "d"}]
    full.script("^GET /objects/v1/AUTH_p/exemple-files$", *[answer(versions), answer([])])
    full.usual("^GET /network/v2.0/routers/ro$", {"router": LISTINGS["network/v2.0/routers"]["routers"][0]})
    full.usual("^PUT /network/v2.0/routers/ro$", {"router": {"id": "ro", "routes": []}})
    full.usual("^GET /dns/v2/zones/z/recordsets/r$", {"id": "r", "zone_id": "z"})
    gone = ["/lb/v2.0/lbaas/loadbalancers", "/dns/v2/zones", "/dns/v2/zones/z/recordsets"]
    things = [Thing(kind, one, within="ro" if kind == "router route" else "") for kind, one in FOUND]
    with access.cloud_errors():
        found = {thing.kind for thing in inventory.everything(connection)}
        for call in gone:
            full.usual(f"^GET {call}$", {"loadbalancers": [], "zones": [], "recordsets": []})
        full.script("^GET /dns/v2/zones/z/recordsets/r$", answer({"id": "r", "zone_id": "z"}), error(404))
        inventory.delete(connection, inventory.in_order(things), lambda _text: None, patience)
    assert {kind for kind, _one in FOUND} <= found
    done = [call for call in full.asked if call.startswith(("DELETE", "PUT"))]
    order = [
        "lbaas/healthmonitors/mo", "lbaas/pools/po", "lbaas/listeners/li", "lbaas/loadbalancers/lb", "recordsets/r",
        "zones/z", "PUT /network/v2.0/routers/ro", "DELETE /network/v2.0/routers/ro", "exemple-files/a%20b%2Fc",
        "AUTH_p/exemple-files",
    ]  # fmt: skip
    places = [next(n for n, call in enumerate(done) if call.endswith(end)) for end in order]
    assert places == sorted(places), done
    assert json.loads(next(body for body in full.bodies if b"routes" in body))["router"]["routes"] == []


def answer(body: Any) -> Any:
    from tests.cloud import Answer

    return Answer(body=body)


def test_no_container_is_an_empty_one_and_a_refusal_is_an_error(cloud: Cloud, connection: Connection) -> None:
    said: list[str] = []
    objects.empty(connection, "gone", said.append)
    assert not said and not cloud.count("^DELETE")
    cloud.script("^GET /objects/v1/AUTH_p/files$", answer([{"name": "one"}]))
    cloud.script("^DELETE /objects/v1/AUTH_p/files/one$", error(403))
    assert refusal(lambda: objects.empty(connection, "files", said.append)).code == "SOC-4121"
    assert len(said) == 1


def test_recovery_leaves_containers_alone(
    full: Cloud, connection: Connection, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", clock.sleep)
    lost = recovery.settled_orphans(connection, set(), "exemple", NAMES)
    assert {(thing.kind, thing.id) for thing in lost} == {one for one in FOUND if one[0] != "container"}


# --- what nobody declared ---


def undeclared(connection: Connection, *ids: str) -> set[tuple[str, str]]:
    with access.cloud_errors():
        found = drift.undeclared(connection, {one: Ref(one) for one in ids})
    return {(one.type, one.name) for one in found}


def test_what_is_in_the_stacks_things_and_in_no_state(full: Cloud, connection: Connection) -> None:
    assert undeclared(connection) == set(), "nothing here is the stack's"
    assert undeclared(connection, "lb", "z", "ro") == {
        (model.LISTENER, "l"), (model.POOL, "p"), (model.RECORD_SET, "visio.exemple.example."),
        (model.ROUTER_ROUTE, "10.9.0.0/24"),
    }  # fmt: skip
    assert undeclared(connection, "po") == {(model.MONITOR, "exemple-edge-front-monitor")}
    everything = ("lb", "z", "ro", "li", "po", "mo", "z/r", "ro-route-10.9.0.0/24-10.9.31.10")
    assert undeclared(connection, *everything) == set()


@pytest.mark.parametrize(
    ("owner", "known", "strange"),
    [
        ("ovn-lb-hm:distributed", {"n": Ref("net"), "vip": Ref("lb", "vip_port_id")}, []),
        ("ovn-lb-hm:distributed", {"n": Ref("net")}, ["vip", "x"]),
        ("compute:somewhere", {"n": Ref("net"), "vip": Ref("lb", "vip_port_id")}, ["x"]),
    ],
    ids=["its load balancer's", "of no load balancer here", "somebody's"],
)
def test_the_port_that_a_load_balancer_probes_from(
    cloud: Cloud, connection: Connection, owner: str, known: dict[str, Ref], strange: list[str]
) -> None:
    ports = [
        {"id": one, "name": one, "network_id": "n", "device_owner": by, "fixed_ips": [], "security_groups": []}
        for one, by in (("vip", ""), ("x", owner))
    ]
    cloud.usual("^GET /network/v2.0/ports$", {"ports": ports})
    with access.cloud_errors():
        assert sorted(one.name for one in drift.undeclared(connection, known)) == strange
