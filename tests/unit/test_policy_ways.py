"""What rules say of inner networks, fronts, containers, the default group, the metadata service, absent services."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from socle import live
from socle.graph import UNKNOWN, Graph, Ref, Resource
from socle.graph.model import (
    CONTAINER,
    FLOATING_IP_ASSOCIATE,
    INSTANCE,
    LISTENER,
    LOAD_BALANCER,
    MEMBERS,
    MONITOR,
    PORT,
    RECORD_SET,
    ROUTER,
    ROUTER_ROUTE,
    SECURITY_GROUP_RULE,
)
from socle.policy.evaluate import evaluate
from socle.policy.finding import Finding
from socle.policy.model import Model
from socle.policy.mutation import (
    in_facts,
    in_file,
    in_live,
    inputs,
    on_cloud,
    on_resource,
    on_stack,
    removed,
    together,
    with_resource,
)
from socle.policy.outcome import PHASES, Status
from socle.policy.rule import rules
from socle.stack.model import Certificates
from tests.conftest import ROOT, STACKS
from tests.models import running

Change = Callable[[Model], Model]


def said(rule: str, model: Model, *changes: Change) -> tuple[Finding, ...]:
    (one,) = (one for one in rules() if one.id == rule)
    return evaluate(together(*changes)(model), [one], PHASES)


def failures(rule: str, model: Model, *changes: Change) -> list[str]:
    return [f"{finding.subject}: {finding.seen}" for finding in said(rule, model, *changes) if finding.fails]


def statuses(rule: str, model: Model, *changes: Change) -> set[Status]:
    return {finding.status for finding in said(rule, model, *changes)}


def without(*tiers: str) -> Change:
    """The same stack without some tiers."""

    def change(model: Model) -> Model:
        left = tuple(tier for tier in model.topology.tiers if tier.name not in tiers)
        return replace(model, topology=replace(model.topology, tiers=left))

    return change


# --- inner networks ---------------------------------------------------------------------------------------------------


def route(router: str, destination: object) -> Change:
    given = {"router_id": Ref(router), "destination_cidr": destination, "next_hop": "10.64.31.1"}
    return with_resource(lambda _model: Resource(ROUTER_ROUTE, "added", inputs=given))


@pytest.mark.parametrize("destination", ["0.0.0.0/0", "0.0.0.0/1", "192.0.2.0/24", "::/0", UNKNOWN])
def test_an_inner_router_that_routes_beyond_the_stack_is_a_way_out(destination: object) -> None:
    assert failures("NET-08.plan", running("demo"), route("demo-inner-router", destination))
    assert not failures("NET-08.plan", running("demo"), route("demo-router", destination))


@pytest.mark.parametrize("gateway", ["public", UNKNOWN])
def test_an_inner_router_with_a_gateway_is_a_way_out(gateway: object) -> None:
    def led_outside(model: Model) -> Model:
        changed = (
            replace(one, inputs={**one.inputs, "external_network_id": gateway}) if "inner" in one.name else one
            for one in model.plan.of(ROUTER)
        )
        return replace(model, graph=Graph((*changed, *(one for one in model.plan if one.type != ROUTER))))

    assert failures("NET-08.plan", running("demo"), led_outside) == ["bus: demo-inner-router leads outside"]


def test_a_public_address_of_an_inner_node_is_a_way_in() -> None:
    bus = next(one.name for one in running("demo").plan.of(PORT) if one.name.startswith("demo-bus"))
    added = Resource(FLOATING_IP_ASSOCIATE, "added", inputs={"port_id": Ref(bus)})
    assert failures("NET-08.plan", running("demo"), with_resource(lambda _model: added))


def test_the_cloud_team_s_own_network_is_theirs_to_sign() -> None:
    def theirs(model: Model) -> Model:
        tiers = (
            replace(t, network=replace(t.network, existing="data-subnet")) if t.name == "bus" else t
            for t in model.topology.tiers
        )
        return replace(model, topology=replace(model.topology, tiers=tuple(tiers)))

    (one,) = said("NET-08.plan", running("demo"), theirs)
    assert (one.status, one.settled_in) == (Status.UNKNOWN, "process")


@pytest.mark.parametrize("stack", STACKS)
def test_what_holds_data_is_inside_in_every_stack(stack: str) -> None:
    assert Status.FAILED not in statuses("NET-08.spec", running(stack))
    assert statuses("NET-08.plan", running(stack)) == {Status.PASSED}


# --- the front --------------------------------------------------------------------------------------------------------


def test_a_front_that_leaves_a_node_out_is_no_redundancy() -> None:
    def one_less(resource: Resource, _model: Model) -> Resource:
        return replace(resource, inputs={**resource.inputs, "members": resource.get("members")[1:]})

    assert len(failures("CMP-05.plan", running("dgfip"), on_resource(MEMBERS, one_less))) == 1


def test_a_front_that_goes_on_sending_to_the_dead_is_no_redundancy() -> None:
    for change in (removed, inputs(admin_state_up=False)):
        assert failures("CMP-05.plan", running("dgfip"), on_resource(MONITOR, change)) == ["edge: no health monitor"]


def test_a_node_that_may_not_take_the_shared_address_is_no_redundancy() -> None:
    port = next(n.name for n in running("armees").topology.nodes if n.tier == "edge") + "-port"

    def alone(model: Model) -> Model:
        changed = (
            replace(one, inputs={**one.inputs, "allowed_address_pairs": None}) if one.name == port else one
            for one in model.plan
        )
        return replace(model, graph=Graph(tuple(changed)))

    assert len(failures("CMP-05.plan", running("armees"), alone)) == 1


def test_promotion_by_hand_is_a_procedure_to_sign_and_no_pass() -> None:
    by_hand = running("armees").topology.promoted_by_hand
    findings = said("CMP-05.spec", running("armees"))
    assert by_hand
    assert {f.subject for f in findings if f.status is Status.UNKNOWN} == set(by_hand)
    assert {f.settled_in for f in findings if f.status is Status.UNKNOWN} == {"process"}
    assert running("cnrs").topology.promoted_by_hand == ()


def test_a_listener_is_a_flow_of_the_matrix() -> None:
    for changed in ({"protocol_port": 8443}, {"protocol": "TERMINATED_HTTPS"}):
        assert failures("GOV-07.plan", running("demo"), on_resource(LISTENER, inputs(**changed)))


# --- containers, and clouds without them ------------------------------------------------------------------------------


def test_a_container_that_others_read_or_write_is_not_private() -> None:
    for lists in ({"container_read": ".r:*"}, {"container_write": "*:*"}):
        assert len(failures("STO-04.plan", running("cnrs"), on_resource(CONTAINER, inputs(**lists)))) == 1


def test_a_container_keeps_as_long_as_the_stack_file_says() -> None:
    assert failures("STO-05.plan", running("cnrs"), on_stack("retention.recordings", 12))
    assert failures("STO-05.plan", running("cnrs"), on_resource(CONTAINER, inputs(metadata={"holds": "recordings"})))


@pytest.mark.parametrize("rule", ["STO-04.plan", "STO-05.plan"])
def test_what_the_cloud_lacks_is_not_evaluable_and_never_passed(rule: str) -> None:
    armees = running("armees")
    assert statuses(rule, armees) == {Status.NOT_APPLICABLE}  # nodes of its own
    assert statuses(rule, armees, without("objects")) == {Status.UNKNOWN}
    none = without("objects", "application", "database", "recording", "transcription")
    assert statuses(rule, armees, none) == {Status.NOT_APPLICABLE}
    forgotten = replace(running("cnrs"), graph=Graph(tuple(r for r in running("cnrs").plan if r.type != CONTAINER)))
    assert statuses(rule, forgotten) == {Status.FAILED}


# --- names ------------------------------------------------------------------------------------------------------------

ACME = together(on_stack("certificates.issuer", "acme"), on_stack("certificates.caa", "authority.example"))


def authority(name: str) -> Change:
    given = {"type": "CAA", "name": "visio.demo.example.", "records": [f'0 issue "{name}"', '0 issuewild ";"']}
    return with_resource(lambda _model: Resource(RECORD_SET, "authority", inputs=given))


def test_one_authority_may_sign() -> None:
    demo = running("demo")
    assert failures("NET-18.plan", demo, ACME) == ["demo: no CAA record"]
    assert failures("NET-18.plan", demo, ACME, authority("other.example"))
    assert failures("NET-18.plan", demo, ACME, authority("authority.example"), authority("other.example"))
    good = statuses("NET-18.plan", demo, ACME, authority("authority.example"))
    assert good == {Status.PASSED, Status.UNKNOWN}  # DNSSEC


def test_names_that_are_published_elsewhere_are_not_evaluable() -> None:
    assert statuses("NET-18.plan", running("demo"), ACME, on_cloud("dns.update", "zone-file")) == {Status.UNKNOWN}


def test_the_program_writes_the_authority() -> None:
    from socle.graph.capture import capture

    model = ACME(running("demo"))
    model = replace(model, graph=capture(model.loaded, model.topology))
    assert statuses("NET-18.plan", model) == {Status.PASSED, Status.UNKNOWN}


@pytest.mark.parametrize(
    ("directory", "country", "good"),
    [
        ("https://acme.authority.example/dir", "FR", True),
        ("https://acme.authority.example/dir", "NO", False),
        ("https://acme-v02.api.letsencrypt.org/directory", "FR", False),
    ],
)
def test_an_acme_authority_is_of_the_union(directory: str, country: str, good: bool) -> None:
    asked = on_stack("certificates", Certificates(issuer="acme", directory=directory, country=country))
    expected = Status.PASSED if good else Status.FAILED
    assert statuses("TLS-10.config", running("demo"), asked) == {expected}


# --- place and inventory ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [LOAD_BALANCER, CONTAINER, INSTANCE])
def test_any_resource_that_names_another_region_is_outside(kind: str) -> None:
    assert failures("GOV-03.plan", running("cnrs"), on_resource(kind, inputs(region="elsewhere-1")))
    assert failures("GOV-03.plan", running("cnrs"), on_resource(kind, inputs(availability_zone="elsewhere-1a")))


@pytest.mark.parametrize("change", [{"tags": []}, {"metadata": {}}])
def test_fronts_and_containers_say_what_they_are(change: dict[str, Any]) -> None:
    kind = LOAD_BALANCER if "tags" in change else CONTAINER
    assert len(failures("GOV-05.plan", running("cnrs"), on_resource(kind, inputs(**change)))) == 1


# --- the default group ------------------------------------------------------------------------------------------------

GROUP = {"id": "d", "ports": 0, "rules": []}
FROM_ITSELF = {"direction": "ingress", "ethertype": "IPv4", "remote_group_id": "d"}


@pytest.mark.parametrize(
    ("group", "status"),
    [
        ({}, Status.PASSED),
        ({"rules": [FROM_ITSELF]}, Status.PASSED),
        ({"ports": 1}, Status.FAILED),
        ({"rules": [{**FROM_ITSELF, "remote_group_id": "another"}]}, Status.FAILED),
        ({"rules": [{"direction": "ingress", "remote_ip_prefix": "0.0.0.0/0"}]}, Status.FAILED),
        ({"rules": [{"direction": "egress", "ethertype": "IPv6"}]}, Status.FAILED),
    ],
)
def test_the_default_group(group: dict[str, Any], status: Status) -> None:
    assert statuses(
        "NET-05.runtime", running("demo"), in_live(lambda seen: seen.update(default_group={**GROUP, **group}))
    ) == {status}


def test_a_default_group_that_was_not_read_is_unknown() -> None:
    assert statuses("NET-05.runtime", running("demo"), in_live(lambda seen: seen.pop("default_group"))) == {
        Status.UNKNOWN
    }


class Network:
    """As much of the SDK's proxy as is asked."""

    def security_groups(self, name: str) -> Iterator[Any]:
        rule = {"id": "r", "direction": "egress", "ethertype": "IPv4", "description": "long"}
        yield SimpleNamespace(id="theirs", project_id="another", security_group_rules=[])
        yield SimpleNamespace(id="d", project_id="mine", security_group_rules=[rule])

    def ports(self, project_id: str) -> Iterator[Any]:
        assert project_id == "mine"
        for name, groups in {"a": ["d"], "vip": ["d", "x"], "c": ["x"], "router": None}.items():
            yield SimpleNamespace(id=name, security_group_ids=groups)


def test_what_is_read_of_the_default_group() -> None:
    group = live._default_group(SimpleNamespace(current_project_id="mine", network=Network()))
    assert group is not None
    assert group["ports"] == 2
    assert group["rules"][0]["direction"] == "egress"
    assert "description" not in group["rules"][0]


# --- the metadata service ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "open_"),
    [
        ("ip daddr 169.254.169.254 tcp dport 80 accept", True),
        ("ip daddr { 192.0.2.1, 169.254.0.0/16 } tcp dport { 22, 80-90 } accept", True),
        ("tcp dport 80 accept", True),
        ("accept", True),
        ("ip daddr 192.0.2.0/24 tcp dport 80 accept", False),
        ("ip daddr 169.254.0.0/16 tcp dport 443 accept", False),
        ("ip daddr 169.254.0.0/16 udp dport 80 accept", False),
    ],
)
def test_a_firewall_that_lets_nodes_reach_the_metadata_service(line: str, open_: bool) -> None:
    more = in_file("media", "nftables.conf", r'limit rate [^\n]*"socle drop out[^\n]*', line)
    assert bool(failures("CMP-06.config", running("demo"), more)) is open_


@pytest.mark.parametrize("remote", ["169.254.169.254/32", "0.0.0.0/0"])
def test_a_group_that_lets_nodes_reach_the_metadata_service(remote: str) -> None:
    out = inputs(direction="egress", protocol="tcp", port_range_min=80, port_range_max=80, remote_ip_prefix=remote,
                 remote_group_id=None)  # fmt: skip
    assert failures("CMP-06.plan", running("demo"), on_resource(SECURITY_GROUP_RULE, out))


@pytest.mark.parametrize(
    ("metadata", "status"),
    [
        ({"answers": False, "control": True}, Status.PASSED),
        ({"answers": False, "control": False}, Status.UNKNOWN),
        ({"answers": True, "control": True}, Status.FAILED),
        ({"answers": True, "control": False}, Status.FAILED),
        ({}, Status.UNKNOWN),
    ],
)
def test_silence_counts_beside_a_control_that_answered(metadata: dict[str, bool], status: Status) -> None:
    node = running("demo").topology.nodes[0].name
    findings = said("CMP-06.runtime", running("demo"), in_facts(lambda seen: seen.update(metadata=metadata)))
    assert {finding.status for finding in findings if finding.subject == node} == {status}


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleType:
    """What nodes run, with package sources of its own."""
    spec = importlib.util.spec_from_file_location("facts", ROOT / "playbooks/roles/base/files/facts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PACKAGE_SOURCES", str(tmp_path / "*.sources"))
    monkeypatch.setattr(module, "METADATA", ("127.0.0.1", 1))
    return module


@contextmanager
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_node_asks_its_own_package_server_too(facts: ModuleType, tmp_path: Path) -> None:
    sources = tmp_path / "debian.sources"
    assert facts.metadata() == {"answers": False, "control": False}
    with listening() as port:
        sources.write_text(f"Types: deb\nURIs: http://127.0.0.1:{port}/debian\n")
        assert facts.metadata() == {"answers": False, "control": True}
        facts.METADATA = ("127.0.0.1", port)
        assert facts.metadata() == {"answers": True, "control": True}
    assert facts.metadata() == {"answers": False, "control": False}


def test_recorders_are_judged_by_the_name_of_their_tier() -> None:
    assert statuses("MED-15.plan", running("cnrs")) == {Status.PASSED}


def test_media_that_go_straight_to_a_node_are_a_derogation_to_sign() -> None:
    straight = {f.subject: f.settled_in for f in said("NET-15.spec", running("cnam")) if f.status is Status.UNKNOWN}
    assert {"media-udp", "turn-udp", "phone-media"} <= set(straight)
    assert set(straight.values()) == {"process"}
    assert Status.FAILED not in statuses("NET-15.spec", running("cnam"))
