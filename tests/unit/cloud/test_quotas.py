"""Room for what a plan makes, in the services that not every cloud offers: asked where they count, else left open."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from socle.engine import access, operations, quotas
from socle.engine.patience import Patience
from socle.graph import model
from socle.stack.load import LoadedStack
from tests.cloud import PROJECT, Cloud, error, refusal
from tests.unit.test_engine_operations import event

if TYPE_CHECKING:
    from openstack.connection import Connection

LB, TYPES = f"^GET /lb/v2.0/lbaas/quotas/{PROJECT}$", f"^GET /volume/v3/os-quota-sets/{PROJECT}$"
DNS, KEYS = "^GET /dns/v2/limits$", "^GET /keys/v1/quotas$"
LIMITS = {
    "load_balancer": 2, "listener": -1, "pool": 3, "health_monitor": 1, "member": 5,
}  # fmt: skip
POOLS = [{"id": "p", "name": "p", "members": [{"id": str(n)} for n in range(4)]}]
# What one of each takes more than there is: quota -> needed, left.
SHORT = {
    "load_balancers": (2, 1), "pools": (3, 2), "members": (2, 1), "zones": (5, 4), "zone_recordsets": (9, 8),
    "volumes_encrypted": (3, 2), "gigabytes_encrypted": (60, 50), "secrets": (6, 5),
}  # fmt: skip


@pytest.fixture
def counting(cloud: Cloud) -> Cloud:
    zones = [{"id": "z", "name": "exemple.example."}, {"id": "y", "name": "other.example."}]
    row = {"limit": 5, "in_use": 3, "reserved": 0}
    for call, body in (
        (LB, {"quota": LIMITS}),
        ("^GET /lb/v2.0/lbaas/loadbalancers$", {"loadbalancers": [{"id": "l"}]}),
        ("^GET /lb/v2.0/lbaas/pools$", {"pools": POOLS}),
        (DNS, {"max_zones": 6, "max_zone_recordsets": 10}),
        ("^GET /dns/v2/zones$", {"zones": zones}),
        ("^GET /dns/v2/zones/z/recordsets$", {"recordsets": [{"id": "1"}, {"id": "2"}]}),
        (KEYS, {"quotas": {"secrets": 8, "orders": -1}}),
        ("^GET /keys/v1/secrets$", {"secrets": [{}], "total": 3}),
        (
            TYPES,
            {
                "quota_set": {
                    "id": PROJECT,
                    "volumes_encrypted": row,
                    "gigabytes_encrypted": {"limit": 80, "in_use": 30, "reserved": 0},
                    "volumes_other": {"limit": -1, "in_use": 7, "reserved": 0},
                }
            },
        ),
    ):
        cloud.usual(call, body)
    return cloud


def test_each_quota_that_does_not_suffice_is_named(counting: Cloud, connection: Connection) -> None:
    needed = {name: count for name, (count, _left) in SHORT.items()}
    lines = refusal(lambda: quotas.check(connection, needed, "exemple.example")).lines()
    for name, (count, left) in SHORT.items():
        assert f"SOC-4202: quota of {name}: {count} needed, {left} left" in lines


def test_what_fits_or_has_no_limit_is_allowed(counting: Cloud, connection: Connection) -> None:
    needed = {name: left for name, (_count, left) in SHORT.items()}
    quotas.check(connection, {**needed, "listeners": 999, "orders": 999, "volumes_other": 999}, "exemple.example")


def test_a_zone_of_the_stacks_own_is_empty(counting: Cloud, connection: Connection) -> None:
    quotas.check(connection, {"zone_recordsets": 10})
    assert not counting.count("recordsets")


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("call", [LB, DNS, KEYS, TYPES])
def test_what_is_the_administrators_alone_is_not_compared(
    counting: Cloud, connection: Connection, call: str, status: int
) -> None:
    counting.script(call, error(status))
    mine = {LB: ("load_", "pools", "members"), DNS: ("zone",), KEYS: ("secrets",), TYPES: ("volumes_", "gigabytes_")}
    needed = {name: 999 for name in SHORT if name.startswith(mine[call])}
    quotas.check(connection, needed)
    assert counting.count(call) == 1
    counting.script(call, error(500), times=9)
    assert refusal(lambda: quotas.check(connection, needed)).code == "SOC-4125"


def test_who_is_not_needed_or_not_there_is_not_asked(counting: Cloud, loaded: LoadedStack, patience: Patience) -> None:
    quotas.check(access.connect(loaded, patience), {"volumes": 1})
    assert not any(counting.count(call) for call in (LB, DNS, KEYS, TYPES))
    counting.forget(without=["load-balancer", "dns", "key-manager"])
    quotas.check(access.connect(loaded, patience), dict.fromkeys(("load_balancers", "zones", "secrets"), 999))


def volume(op: str, size: int) -> dict[str, Any]:
    return event(op, model.VOLUME, f"exemple-data-{op}", inputs={"size": size, "volumeType": "encrypted"})


def test_what_operations_need_of_them() -> None:
    members: dict[str, Any] = {"members": [{}, {}, {}]}
    kinds = (model.LOAD_BALANCER, model.LISTENER, model.POOL, model.MONITOR, model.ZONE, model.RECORD_SET)
    found = operations.operations([
        *(event("create", kind, "exemple-one") for kind in kinds),
        event("update", model.MEMBERS, "exemple-members", inputs=members, before={"members": [{}]}),
        volume("create", 20), volume("delete-replaced", 15),
    ])  # fmt: skip
    needed = operations.needs(found, {}, ["encrypted"])
    assert needed == {
        "load_balancers": 1, "listeners": 1, "pools": 1, "health_monitors": 1, "zones": 1, "zone_recordsets": 1,
        "members": 2, "gigabytes": 5, "gigabytes_encrypted": 5, "orders": 1,
    }  # fmt: skip
    assert "orders" not in operations.needs(found, {})


@pytest.mark.parametrize(("op", "more"), [("same", 0), ("create", 3), ("delete", 0), ("replace", 0)])
def test_members_are_counted_by_what_is_done(op: str, more: int) -> None:
    one = event(op, model.MEMBERS, "exemple-members", inputs={"members": [{}, {}, {}]})
    assert operations.needs(operations.operations([one]), {}).get("members", 0) == more
