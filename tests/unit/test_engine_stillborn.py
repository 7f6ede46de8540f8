"""Which instances never ran, and what an error says of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from openstack.exceptions import SDKException

from socle.engine.stillborn import explained, met, stillborn
from socle.errors import CloudError

NODES = {"demo-media-1", "demo-media-2", "demo-turn-1"}


def server(name: str, launched: str | None = None, fault: dict[str, str] | None = None) -> SimpleNamespace:
    return SimpleNamespace(name=name, launched_at=launched, fault=fault)


def cloud(*servers: SimpleNamespace, fails: bool = False) -> Any:
    def listed(status: str) -> list[SimpleNamespace]:
        assert status == "ERROR"
        if fails:
            raise SDKException("no answer")
        return list(servers)

    return SimpleNamespace(compute=SimpleNamespace(servers=listed))


ONE = server("demo-media-1", fault={"message": "No valid host was found."})
RAN = server("demo-media-2", launched="2026-11-01T10:00:00", fault={"message": "disk"})
FOREIGN = server("other-media-1", fault={"message": "quota"})


def test_one_that_ran_once_may_hold_calls_and_one_of_others_is_not_ours() -> None:
    assert stillborn(cloud(ONE, RAN, FOREIGN, server("demo-turn-1")), NODES) == {
        "demo-media-1": "No valid host was found.",
        "demo-turn-1": "",
    }


def test_no_name_asks_nothing() -> None:
    assert stillborn(cloud(fails=True), ()) == {}


def test_an_error_says_what_the_cloud_says() -> None:
    error = explained(CloudError("SOC-4106", "stopped", hint="an operation failed"), cloud(ONE, RAN), NODES)
    assert error.hint.splitlines() == ["an operation failed", "demo-media-1 never ran: No valid host was found."]


def test_a_cloud_that_does_not_answer_leaves_the_error_as_it_is() -> None:
    assert explained(CloudError("SOC-4106", "stopped", hint="why"), cloud(fails=True), NODES).hint == "why"


def test_only_those_that_met_on_one_host_are_told_apart() -> None:
    clash = {"message": "Exhausted all hosts. Last exception: Anti-affinity instance group policy was violated"}
    assert met(cloud(ONE, server("demo-turn-1", fault=clash)), NODES) == ["demo-turn-1"]
    assert met(cloud(fails=True), NODES) == []
