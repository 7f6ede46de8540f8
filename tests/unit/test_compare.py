"""What counts as a difference, level by level."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from socle import sides
from socle.compare import Change, Difference, ResourceChange, Side, compare
from socle.graph.model import SECRET, UNKNOWN, Graph, Ref, Resource
from socle.policy.finding import Judgement
from socle.report import difference as report
from socle.report import merge_request
from socle.stack.revision import Origin
from socle.topology.flows import Flows

pytestmark = pytest.mark.usefixtures("graphs")
Writer = Callable[..., Path]


@pytest.fixture
def side(stack_file: Writer) -> Side:
    one = sides.read(str(stack_file()))
    return Side(Origin("exemple", "exemple.yaml"), one.loaded, one.model.topology, one.model.plan, one.assessment)


def graph(**inputs: Any) -> Graph:
    return Graph((Resource("openstack:compute/instance:Instance", "one", inputs=inputs),))


def changes(side: Side, old: Graph, new: Graph) -> dict[str, tuple[object, object]]:
    found = compare(replace(side, graph=old), replace(side, graph=new)).resources
    return {change.key: (change.old, change.new) for one in found.changed for change in one.changes}


def test_a_default_that_is_written_out_is_no_difference(stack_file: Writer) -> None:
    before = sides.read(str(stack_file()))
    after = sides.read(str(stack_file(features={"recording": False, "subtitles": True})))
    (change,) = sides.between(before, after).intent
    assert (change.key, change.old, change.new) == ("features.subtitles", False, True)
    assert change.old_at is None
    assert report.place(change) == report.place(replace(change, old=True))
    assert report.place(change.mirrored()).endswith(f":{change.new_at.line}" if change.new_at else "?")


def test_a_flow_is_told_by_its_ports(side: Side) -> None:
    """A port that moved, a flow that came, one that went."""
    matrix = list(side.topology.flows)
    ports = [replace(f, last=f.last + 8) if f.name == "media-udp" else f for f in matrix if f.name != "time"]
    fresh = replace(next(f for f in matrix if f.name == "https"), name="pages-plain", first=80, last=80)
    other = replace(side, topology=replace(side.topology, flows=Flows((*ports, fresh))))
    found = compare(side, other).flows
    assert {(one.flow, one.kind, one.direction, one.old, one.new) for one in found} == {
        ("media-udp", "changed", "ingress", "udp 7882-7892", "udp 7882-7900"),
        ("pages-plain", "added", "ingress", None, "tcp 80"),
        ("time", "removed", "egress", "udp 123", None),
        ("time", "removed", "ingress", "udp 123", None),
    }
    told = list(report.flows(found))
    (leaving,) = [said for _kind, flow, said in told if flow == "time" and said.startswith("out of")]
    assert leaving.endswith(" to mirror: udp 123")  # one line for all tiers
    assert "bastion, bus, cache" in leaving


def test_only_the_inputs_that_differ_are_told(side: Side) -> None:
    old = graph(flavor_name="s", networks=[{"port": Ref("a")}], tags=["x", "y"], metadata={"a": "1", "b": "2"}, gone=1)
    new = graph(flavor_name="s", networks=[{"port": Ref("b")}], tags=["x"], metadata={"a": "1", "b": "3"}, came=UNKNOWN)
    assert changes(side, old, new) == {
        "networks[0].port": ("a.id", "b.id"),
        "tags": (["x", "y"], ["x"]),
        "metadata.b": ("2", "3"),
        "gone": (1, None),
        "came": (None, "(known after apply)"),
    }


def test_secrets_are_never_told(side: Side) -> None:
    old, new = graph(key="s3://me:sesame@store", other=SECRET), graph(key="s3://me:opened@store", other="plain")
    text = repr(changes(side, old, new))
    assert "sesame" not in text
    assert "opened" not in text
    assert changes(side, old, new)["other"] == ("(secret)", "plain")


def test_protection_and_parent_count_as_much_as_inputs(side: Side) -> None:
    (one,) = graph(size=1)
    moved = Graph((replace(one, protect=True, parent="tier"),))
    found = compare(replace(side, graph=Graph((one,))), replace(side, graph=moved)).resources
    assert {(c.part, c.key) for c in found.changed[0].changes} == {("options", "protect"), ("options", "parent")}


def test_another_type_of_the_same_name_is_another_resource(side: Side) -> None:
    (one,) = graph(size=1)
    other = replace(one, type="openstack:blockstorage/volume:Volume")
    found = compare(replace(side, graph=Graph((one,))), replace(side, graph=Graph((other,)))).resources
    assert (found.removed, found.added) == (((one.type, "one"),), ((other.type, "one"),))


def test_the_verdict_tells_standings_and_the_gate(side: Side) -> None:
    assessment = side.assessment
    first, *rest = assessment.judgements
    stands = "failed" if first.standing != "failed" else "passed"
    judged = (Judgement(first.control, stands, first.phases), *rest)
    verdict = replace(assessment.verdict, go=not assessment.verdict.go)
    other = replace(side, assessment=replace(assessment, judgements=judged, verdict=verdict))
    found = compare(side, other)
    assert {(one.subject, one.old, one.new) for one in found.verdict} == {
        (first.control, first.standing, stands),
        ("", assessment.verdict.go, not assessment.verdict.go),
    }
    assert found


def test_nodes_are_in_the_order_of_their_numbers(side: Side) -> None:
    names = ["node-10", "node-9", "node-1"]
    many = Graph(tuple(Resource("openstack:compute/instance:Instance", name) for name in names))
    found = compare(replace(side, graph=Graph(())), replace(side, graph=many)).resources
    assert [name for _type, name in found.added] == ["node-1", "node-9", "node-10"]


def test_a_renamed_stack_is_another_stack(stack_file: Writer) -> None:
    file = stack_file()
    copy = file.with_name("copie.yaml")
    copy.write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    found = sides.difference(str(file), str(copy))
    assert not found
    assert found.put_aside


def test_blocks_of_different_sizes_do_not_hide_the_rest(stack_file: Writer) -> None:
    file = stack_file(network={"cidr": "10.96.0.0/16"})
    large = file.rename(file.with_name("grande.yaml"))
    found = sides.difference(str(stack_file()), str(large))
    assert [one.key for one in found.intent] == ["network.cidr"]
    assert not found.flows
    assert not found.resources.added + found.resources.removed
    assert not found.resources.changed


def test_markdown_gives_values_no_meaning(side: Side) -> None:
    """A name with Markdown, HTML or a mention in it stays text."""
    nasty = "a | b ``c`` <script> @all #1\n# title"
    change = Change("stack", "", "organisation", "plain", nasty)
    found = replace(_nothing(side), intent=(change,))
    (row,) = [line for line in merge_request.text(found).splitlines() if "organisation" in line]
    assert r"``` a \| b ``c`` <script> @all #1 # title ```" in row


def test_many_values_of_one_input_are_named_by_the_input_alone(side: Side) -> None:
    def changed(number: int, new: str) -> ResourceChange:
        return ResourceChange("openstack:x:Port", f"p{number}", (Change("inputs", f"p{number}", "ip", "old", new),))

    few = tuple(changed(n, f"v{n % 2}") for n in range(20))
    many = tuple(changed(n, f"v{n}") for n in range(20))
    for members, inputs in ((few, "ip: old -> v0, old -> v1"), (many, "ip")):
        (group,) = report.groups(replace(_nothing(side).resources, changed=members))
        assert group.inputs == (inputs,)
        assert len(group.names) == 20


def _nothing(side: Side) -> Difference:
    found = compare(side, side)
    assert not found
    return found
