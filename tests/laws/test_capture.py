"""What is registered at once is what the SDK's own machinery registers: the same graph, for every stack and shape."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pulumi
import pytest
from pulumi import Output, ResourceOptions
from pulumi_openstack import compute, networking

from socle.graph import Graph, Ref, capture, recorder
from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import STACKS

HERE = Path(__file__).parent
Program = Callable[[], object]


def by_the_sdk(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Graph]) -> tuple[Graph, int]:
    """The graph without the short way, and how many registrations the SDK made."""
    asked: list[str] = []
    register = recorder.Recorder.RegisterResource

    def counted(self: recorder.Recorder, request: object) -> object:
        asked.append(request.name)  # type: ignore[attr-defined]
        return register(self, request)

    with monkeypatch.context() as patch:
        patch.setattr(recorder, "at_once", lambda _recorder: nullcontext())
        patch.setattr(recorder.Recorder, "RegisterResource", counted)
        return make(), len(asked)


@pytest.mark.parametrize("stack", STACKS)
def test_both_ways_give_the_same_graph(stack: str, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load_stack(stack)
    topology = derive(loaded)
    reference, asked = by_the_sdk(monkeypatch, lambda: capture._recorded(loaded, topology))
    assert asked > len(reference)  # each of them, and the stack itself
    assert capture._recorded(loaded, topology) == reference


def chained() -> None:
    network = networking.Network("net", name="net", tags=["b", "a"])
    subnet = networking.Subnet("sub", network_id=network.id, cidr="10.0.0.0/24", ip_version=4)
    networking.Port("port", network_id=network.id, fixed_ips=[{"subnet_id": subnet.id, "ip_address": "10.0.0.4"}])


def made_around() -> None:
    one, two = networking.FloatingIp("one", pool="p"), networking.FloatingIp("two", pool="p")
    networking.Network("three", description=Output.concat("from ", one.address, " on"))
    networking.Network("four", description=Output.all(one.address, two.address).apply("-".join))
    networking.Network("five", description=Output.format("{0}/{kind}", one.address, kind=two.pool))
    networking.Network("six", description=Output.all(a=one.address).apply(lambda known: known["a"]))
    networking.Network("seven", tags=Output.from_input([one.address, "x"]))


def secrets() -> None:
    node = compute.Instance("node", admin_pass="hunter2", metadata={"k": Output.secret("hunter3"), "camelCase": "v"})
    networking.Network("after", description=node.name)


def in_functions() -> None:
    network = networking.Network("net", name="net")

    def make(name: str) -> Output[str]:
        identity: Output[str] = networking.Network(f"{name}-inner").id
        return identity

    networking.Network("outer", description=network.name.apply(make))
    networking.Network("awaited", description=network.id.apply(later))


async def later(text: str) -> str:
    return f"{text}!"


def argument_classes() -> None:
    network = networking.Network("net")
    fixed = networking.PortFixedIpArgs(subnet_id=network.id, ip_address="10.0.0.4")
    networking.Port("port", network_id=network.id, fixed_ips=[fixed], admin_state_up=True)


def questions() -> None:
    found = networking.get_network_output(name="ext", external=True)
    router = networking.Router("router", external_network_id=found.id)
    networking.RouterInterface("door", router_id=router.id, subnet_id="s")


def families() -> None:
    class Part(pulumi.ComponentResource):
        def __init__(self, name: str, opts: ResourceOptions | None = None) -> None:
            super().__init__("socle:trial:Part", name, None, opts)
            self.child = networking.Network(f"{name}-net", opts=ResourceOptions(parent=self))
            self.register_outputs({"net": self.child.id})

    above = Part("above", ResourceOptions(protect=True))
    below = Part("below", ResourceOptions(parent=above))
    networking.Network("hanging", description=below.child.id, opts=ResourceOptions(depends_on=[above]))


def odd_values() -> None:
    networking.Network("numbers", value_specs={"a": "1", "B_c": "2"}, mtu=1500, tags=[])
    compute.Instance("nothing", metadata={}, networks=[{"port": None, "uuid": "u"}], config_drive=False)


PROGRAMS: list[Program] = [
    chained, made_around, secrets, in_functions, argument_classes, questions, families, odd_values,
]  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_both_ways_read_the_same_of_every_shape(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Graph:
        return recorder.record(program, "trial", {}, HERE)  # type: ignore[arg-type]

    reference, _asked = by_the_sdk(monkeypatch, make)
    assert len(reference) > 1
    assert make() == reference


def test_what_the_sdk_has_to_read_is_left_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[str] = []
    register = recorder.Recorder.RegisterResource

    def counted(self: recorder.Recorder, request: object) -> object:
        left.append(request.name)  # type: ignore[attr-defined]
        return register(self, request)

    monkeypatch.setattr(recorder.Recorder, "RegisterResource", counted)
    recorder.record(questions, "trial", {}, HERE)
    assert set(left) == {"door", "router", "socle-trial"}  # the last is the stack itself
    left.clear()
    recorder.record(chained, "trial", {}, HERE)
    assert set(left) == {"socle-trial"}


def test_another_thread_s_program_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """While one is captured, what another thread registers goes where it would have gone."""
    from threading import Thread

    from pulumi import resource

    went: list[str] = []
    register = resource.register_resource

    def elsewhere(res: object, ty: str, name: str, *rest: object) -> None:
        went.append(name)
        if name != "theirs":
            register(res, ty, name, *rest)

    monkeypatch.setattr(resource, "register_resource", elsewhere)

    def program() -> None:
        networking.Network("mine")
        other = Thread(target=lambda: resource.register_resource(None, "t", "theirs", True, False, None, {}, None))
        other.start()
        other.join()

    graph = recorder.record(program, "trial", {}, HERE)
    assert set(went) == {"socle-trial", "theirs"}
    assert [one.name for one in graph] == ["mine"]


def test_references_are_kept_on_the_short_way() -> None:
    port = recorder.record(chained, "trial", {}, HERE).named("port")
    assert port is not None and port.get("network_id") == Ref("net", "id")
    assert port.get("fixed_ips") == [{"ip_address": "10.0.0.4", "subnet_id": Ref("sub", "id")}]
