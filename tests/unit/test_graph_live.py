"""A refresh read into two graphs: as applied, as the cloud has it. No engine, no cloud."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from socle.graph import Ref, live, model
from socle.graph.live import Difference


def step(kind: str, name: str, identity: str, old: dict[str, Any], new: dict[str, Any] | None, **more: Any) -> Any:
    """`new` None: gone from the cloud. `more`: outputs, before and after."""
    before = SimpleNamespace(id=identity, inputs=old, outputs=more, parent="", protect=False)
    after = None if new is None else SimpleNamespace(id=identity, inputs=new, outputs=more, parent="", protect=False)
    return SimpleNamespace(op="same", urn=f"urn:pulumi:demo::socle::{kind}::{name}", type=kind, old=before, new=after)


GROUP = step(model.SECURITY_GROUP, "demo-media-group", "g1", {"name": "demo-media-group"}, {"name": "demo-media-group"})
PORT = {"securityGroupIds": ["g1"], "__defaults": []}


def test_what_did_not_move_is_no_difference_and_ids_become_references() -> None:
    port = step(model.PORT, "demo-media-1-port", "p1", PORT, {"securityGroupIds": ["g1"]}, allSecurityGroupIds=["g1"])
    found = live.seen([GROUP, port])
    assert found.differences == ()
    assert found.applied == found.live
    resource = found.live.named("demo-media-1-port")
    assert resource
    assert resource.inputs == {"security_group_ids": [Ref("demo-media-group")]}


def test_a_group_that_was_put_on_a_port_by_hand_is_seen() -> None:
    """The provider compares only the groups that it was told of."""
    port = step(model.PORT, "demo-media-1-port", "p1", PORT, PORT, allSecurityGroupIds=["other", "g1"])
    (one,) = live.seen([GROUP, port]).differences
    assert (one.kind, one.name) == ("changed", "demo-media-1-port")
    assert one.applied == {"security_group_ids": [Ref("demo-media-group")]}
    assert one.live == {"security_group_ids": ["other", Ref("demo-media-group")]}


def test_what_is_gone_is_missing_in_the_live_graph_alone() -> None:
    rule = step(model.SECURITY_GROUP_RULE, "demo-rule", "r1", {"securityGroupId": "g1"}, None)
    found = live.seen([GROUP, rule])
    assert [(one.kind, one.name) for one in found.differences] == [("missing", "demo-rule")]
    assert found.applied.named("demo-rule")
    assert found.live.named("demo-rule") is None


def test_what_nobody_declared_is_in_the_live_graph() -> None:
    strange = Difference("undeclared", model.PORT, "by-hand", live={"network_id": Ref("demo-media")})
    found = live.seen([GROUP], [strange])
    assert found.differences == (strange,)
    assert found.live.named("by-hand")
    assert found.applied.named("by-hand") is None


def test_a_public_address_is_known_by_its_address_too() -> None:
    address = step(model.FLOATING_IP, "demo-turn-public", "f1", {}, {}, address="198.51.100.7")
    rule = {"remoteIpPrefix": "198.51.100.7/32"}
    found = live.seen([address, step(model.SECURITY_GROUP_RULE, "demo-rule", "r1", rule, rule)])
    resource = found.live.named("demo-rule")
    assert resource
    assert resource.inputs == {"remote_ip_prefix": Ref("demo-turn-public", "address")}
