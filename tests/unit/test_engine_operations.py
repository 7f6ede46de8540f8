"""Operations of a preview: their digest, what they need, what they endanger. No engine, no cloud."""

from __future__ import annotations

from typing import Any

from socle.engine import operations, quotas, summary
from socle.graph import model


def event(op: str, kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": f"urn:pulumi:demo::socle::{kind}::{name}", "type": kind, **more}


NETWORK = event("create", model.NETWORK, "demo-media", inputs={"name": "demo-media"})
SERVER = event("create", model.INSTANCE, "demo-media-z1-1", inputs={"flavorName": "m1"})
VOLUME = event("create", model.VOLUME, "demo-data-z1-1", inputs={"size": 20})


def test_digest_ignores_the_order_of_events() -> None:
    one = operations.operations([NETWORK, SERVER, VOLUME])
    other = operations.operations([VOLUME, NETWORK, SERVER, NETWORK])
    assert one == other
    assert operations.digest(one) == operations.digest(tuple(reversed(other)))


def test_digest_moves_with_an_input_an_operation_or_a_resource() -> None:
    base = operations.digest(operations.operations([NETWORK, VOLUME]))
    renamed = {**NETWORK, "inputs": {"name": "demo-other"}}
    updated = {**NETWORK, "op": "update"}
    for moved in ([renamed, VOLUME], [updated, VOLUME], [NETWORK], [NETWORK, VOLUME, SERVER]):
        assert operations.digest(operations.operations(moved)) != base


def test_a_refresh_is_no_operation() -> None:
    found = operations.operations([event("refresh", model.NETWORK, "demo-media"), event("same", model.PORT, "demo-p")])
    assert [one.op for one in found] == ["same"]
    assert operations.changes(found) == ()
    assert not operations.bookkeeping(found)
    assert summary.in_words(found) == ""


def test_a_replacement_counts_once_and_keeps_its_reason() -> None:
    steps = [
        event(op, model.INSTANCE, "demo-media-z1-1", diffs=["imageName"] if op == "replace" else ())
        for op in ("create-replacement", "replace", "delete-replaced")
    ]
    found = operations.operations(steps)
    assert operations.counts(found) == {"created": 0, "changed": 0, "replaced": 1, "deleted": 0, "unchanged": 0}
    assert "replaced  Instance demo-media-z1-1: imageName" in summary.in_words(found)


def test_what_holds_data_an_address_or_calls_is_endangered_unless_named() -> None:
    found = operations.operations([
        event("delete", model.VOLUME, "demo-data"),
        event("delete", model.FLOATING_IP, "demo-turn-ip"),
        event("replace", model.INSTANCE, "demo-media-z1-1"),
        event("replace", model.INSTANCE, "demo-edge-z1-1"),
        event("delete", model.SECURITY_GROUP_RULE, "demo-rule"),
        event("replace", model.ROUTER, "demo-router"),
        event("replace", model.LOAD_BALANCER, "demo-edge-front-balancer"),
        event("delete", model.ZONE, "demo-zone"),
        event("delete", model.CONTAINER, "demo-files"),
        event("delete", model.RECORD_SET, "demo-record"),
        event("delete", model.NETWORK, "demo-net", protect=True),
        event("update", model.VOLUME, "demo-other-data", protect=True),
    ])  # fmt: skip
    calls = ["demo-media-z1-1"]
    going = {one.name for one in operations.endangered(found, calls, [])}
    assert going == {
        "demo-data", "demo-turn-ip", "demo-media-z1-1", "demo-router", "demo-net", "demo-edge-front-balancer",
        "demo-zone", "demo-files",
    }  # fmt: skip
    assert not operations.endangered(found, calls, going)


def test_needs_are_net_of_what_goes() -> None:
    found = operations.operations([
        SERVER, VOLUME, NETWORK,
        event("delete-replaced", model.VOLUME, "demo-data-z1-1", inputs={"size": 15}),
        event("delete", model.PORT, "demo-p"),
    ])  # fmt: skip
    assert operations.needs(found, {"m1": (2, 1024.0)}) == {
        "networks": 1, "instances": 1, "cores": 2, "ram": 1024, "gigabytes": 5,
    }  # fmt: skip


def test_missing_quota_names_each_short_one() -> None:
    short = quotas.missing(
        {"instances": 4, "cores": 8, "ports": 2, "volumes": 3}, {"instances": 4, "cores": 7, "ports": None}
    )
    assert [error.message for error in short] == ["quota of cores: 8 needed, 7 left"]
