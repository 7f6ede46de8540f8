"""A plan in words: who notices what, what it costs, how long it takes by what was seen before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from socle.engine import effects, operations
from socle.engine.durations import Durations
from socle.graph import model
from socle.stack import load_stack
from socle.topology import derive
from tests.unit.test_engine_operations import event

TOPOLOGY = derive(load_stack("demo"))


def told(*events: dict[str, Any]) -> tuple[str, ...]:
    return effects.effects(operations.operations(events), TOPOLOGY)


def test_what_is_simply_new_disturbs_nobody() -> None:
    everything = [event("create", kind, f"demo-media-{n}") for n, kind in enumerate((model.INSTANCE, model.VOLUME))]
    assert told(*everything) == ("cuts no call, loses no data, gives up no address",)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (event("replace", model.INSTANCE, "demo-media-nova-2"), "cuts the calls on demo-media-nova-2"),
        (event("delete", model.INSTANCE, "demo-turn-nova-1"), "cuts the calls on demo-turn-nova-1"),
        (event("replace", model.INSTANCE, "demo-edge-nova-1"), "rebuilds demo-edge-nova-1"),
        (event("delete", model.VOLUME, "demo-data-nova-1-data"), "loses the data of demo-data-nova-1-data"),
        (event("delete", model.FLOATING_IP, "demo-edge-nova-1-public"), "gives up the public address"),
        (event("replace", model.ROUTER, "demo-router"), "cuts every call that passes through demo-router"),
        (event("update", model.INSTANCE, "demo-media-nova-1", diffs=["flavorName"]), "restarts demo-media-nova-1 and"),
    ],
)  # fmt: skip
def test_what_hurts_is_said_first_and_never_beside_an_all_clear(one: dict[str, Any], said: str) -> None:
    lines = told(event("update", model.VOLUME, "demo-data-nova-1-more", diffs=["size"]), one)
    assert lines[0].startswith(said)
    assert "grows demo-data-nova-1-more, nothing restarts" in lines


TWO, ONE = ({"members": [{"name": f"demo-edge-{n}"} for n in range(1, last)]} for last in (3, 2))
NAME = {"name": "visio.demo.example.", "ttl": 45}


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (event("replace", model.LOAD_BALANCER, "demo-edge-front-balancer"), "cuts the signalling of everyone"),
        (event("delete", model.LISTENER, "demo-edge-front-listener"), "cuts the signalling of everyone"),
        (event("replace", model.POOL, "demo-edge-front-pool"), "cuts the signalling of everyone"),
        (
            event("update", model.MEMBERS, "m", inputs=ONE, before=TWO),
            "cuts the signalling of who is connected by demo-edge-2",
        ),
        (event("delete", model.MEMBERS, "m", inputs=ONE), "cuts the signalling of who is connected by demo-edge-1"),
        (event("delete", model.CONTAINER, "demo-files"), "loses what is kept in demo-files"),
        (event("replace", model.ROUTER_ROUTE, "r", inputs={"destinationCidr": "10.0.4.0/24"}), "cuts the way to "),
        (event("delete", model.ZONE, "demo-zone", inputs=NAME), "loses every name in the zone visio.demo.example:"),
        (event("delete", model.RECORD_SET, "r", inputs=NAME), "nobody finds visio.demo.example any more"),
        (
            event("update", model.RECORD_SET, "r", inputs={**NAME, "ttl": 5}, before=NAME, diffs=["records"]),
            "visio.demo.example leads elsewhere: within 45 s",
        ),
    ],
)  # fmt: skip
def test_what_hurts_in_services_is_said_first_and_never_beside_an_all_clear(one: dict[str, Any], said: str) -> None:
    lines = told(event("update", model.VOLUME, "demo-data-nova-1-more", diffs=["size"]), one)
    assert lines[0].startswith(said)
    assert not any("cuts no call" in line for line in lines)


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            event("update", model.MEMBERS, "m", inputs=TWO, before=ONE),
            ["demo-edge-2 takes its share of the connections"],
        ),
        (event("create", model.MEMBERS, "m", inputs=TWO), []),
        (event("create", model.LOAD_BALANCER, "demo-edge-front-balancer"), []),
        (event("create", model.RECORD_SET, "r", inputs=NAME), []),
        (event("update", model.RECORD_SET, "r", inputs=NAME, diffs=["description"]), []),
        (event("create", model.ROUTER_ROUTE, "r"), []),
        (event("update", model.ZONE, "z", inputs=NAME, diffs=["email"]), []),
        (event("update", model.CONTAINER, "demo-files", diffs=["metadata"]), []),
        (
            event("update", model.CONTAINER, "demo-files", inputs={"versioning": False}, diffs=["versioning"]),
            ["demo-files: what is overwritten from then on cannot be brought back"],
        ),
        (
            event("replace", model.MONITOR, "demo-edge-front-monitor"),
            ["demo-edge-front-monitor watches nothing meanwhile: a node that dies stays in the rotation"],
        ),
    ],
)  # fmt: skip
def test_what_hurts_nobody_in_services(one: dict[str, Any], said: list[str]) -> None:
    assert told(one) == ("cuts no call, loses no data, gives up no address", *said)


def test_an_instance_that_never_ran_cuts_nothing_when_it_is_made_anew() -> None:
    found = operations.operations([event("replace", model.INSTANCE, "demo-media-nova-2")])
    assert effects.effects(found, TOPOLOGY, {"demo-media-nova-2"}) == (
        "cuts no call, loses no data, gives up no address",
        "demo-media-nova-2 never ran: it is made anew or goes, and nobody notices",
    )


def test_a_metadata_change_restarts_nothing() -> None:
    lines = told(event("update", model.INSTANCE, "demo-media-nova-1", diffs=["metadata"]))
    assert lines[0] == "cuts no call, loses no data, gives up no address"
    assert lines[1] == "restarts nothing on demo-media-nova-1"


def test_ways_through_a_firewall_are_counted_unless_the_tier_is_new() -> None:
    rules = [
        event(op, model.SECURITY_GROUP_RULE, f"demo-media-{n}") for n, op in enumerate(("create", "create", "delete"))
    ]
    assert "firewall of media, nothing restarts: 2 ways opened, 1 closed, 0 changed" in told(*rules)
    new = event("create", model.SECURITY_GROUP, "demo-media-group")
    assert not [line for line in told(new, *rules) if "firewall" in line]


def test_cost_is_the_difference_and_nothing_is_said_where_a_price_is_missing() -> None:
    cloud = load_stack("cnrs").cloud
    assert cloud.prices
    hour = cloud.prices.flavours
    small, large = {"flavorName": "s1.small"}, {"flavorName": "s1.large"}
    grown = event("update", model.INSTANCE, "cnrs-edge-1", inputs=large, before=small)
    assert effects.cost(operations.operations([grown]), cloud) == round((hour["s1.large"] - hour["s1.small"]) * 730, 2)
    gone = event("delete", model.VOLUME, "cnrs-data", inputs={"size": 20})
    assert effects.cost(operations.operations([gone]), cloud) == round(-20 * cloud.prices.volume_gib, 2)
    unknown = event("create", model.INSTANCE, "cnrs-edge-2", inputs={"flavorName": "of.another.cloud"})
    assert effects.cost(operations.operations([gone, unknown]), cloud) is None
    assert effects.cost(operations.operations([grown]), load_stack("demo").cloud) is None


def test_time_is_said_once_every_kind_of_operation_was_seen(tmp_path: Path) -> None:
    found = operations.operations(event("create", model.INSTANCE, f"demo-media-{n}") for n in range(17))
    fresh = Durations(tmp_path / "seen.json")
    assert fresh.estimate(found) is None
    for seconds in (9.0, 10.0, 30.0):
        fresh.add("Instance create", seconds)
    fresh.save()
    assert Durations(tmp_path / "seen.json").estimate(found) == 20.0  # 17 of them, 16 at a time


def test_a_memory_that_cannot_be_kept_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_text("")
    lost = Durations(tmp_path / "no folder" / "seen.json")
    lost.add("Instance create", 9.0)
    lost.save()
    assert (tmp_path / "no folder").read_text() == ""
