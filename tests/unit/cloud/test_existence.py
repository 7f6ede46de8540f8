"""What a stack needs is asked for before anything is made: everything that is missing is said in one go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socle.cli.lab import groups_of
from socle.engine import access, preflight
from socle.engine.patience import Patience
from socle.errors import InputError
from socle.stack.load import LoadedStack
from socle.topology import derive, services
from tests.cloud import Cloud, error, refusal
from tests.unit.cloud.conftest import furnish

if TYPE_CHECKING:
    from openstack.connection import Connection

OPTIONAL = ("load-balancer", "dns", "object-store", "key-manager")


def refused(connection: Connection, loaded: LoadedStack) -> list[str]:
    """The lines of the refusal."""
    return refusal(lambda: preflight.existence(connection, loaded, derive(loaded))).lines()


def test_where_everything_is_there_the_flavours_are_known(
    cloud: Cloud, connection: Connection, loaded: LoadedStack
) -> None:
    furnish(cloud, loaded)
    topology = derive(loaded)
    found = preflight.existence(connection, loaded, topology)
    assert found.keys() == {tier.flavour for tier in topology.tiers}
    assert all(
        found[name] == (one.vcpus, one.memory * 1024) for name, one in loaded.cloud.flavours.items() if name in found
    )


@pytest.mark.parametrize("service", [*OPTIONAL, "volumev3"])
def test_a_service_that_is_not_offered(cloud: Cloud, loaded: LoadedStack, patience: Patience, service: str) -> None:
    cloud.forget(without=[service])
    furnish(cloud, loaded)
    lines = refused(access.connect(loaded, patience), loaded)
    assert [line for line in lines if "SOC-4220" in line] == [lines[0]]
    assert lines[0].endswith({"volumev3": "block-storage"}.get(service, service))


def test_in_the_embedded_cloud_it_can_be_started(cloud: Cloud, loaded: LoadedStack, patience: Patience) -> None:
    cloud.forget(without=OPTIONAL)
    furnish(cloud, loaded)
    here = replace(loaded, cloud=loaded.cloud.model_copy(update={"embedded": True}))
    text = "\n".join(refused(access.connect(here, patience), here))
    assert all(f"socle lab up --with {service}" in text for service in OPTIONAL)


def test_what_is_not_used_need_not_be_offered(cloud: Cloud, loaded: LoadedStack, patience: Patience) -> None:
    cloud.forget(without=OPTIONAL)
    plain = loaded.cloud.model_copy(
        update={
            "services": [one for one in loaded.cloud.services if one not in OPTIONAL],
            "dns": loaded.cloud.dns.model_copy(update={"update": "zone-file"}),
            "volume_types": {
                "plain": next(iter(loaded.cloud.volume_types.values())).model_copy(update={"encrypted": False})
            },
        }
    )
    here = replace(loaded, cloud=plain)
    furnish(cloud, here)
    preflight.existence(access.connect(here, patience), here, derive(here))


@pytest.mark.parametrize(
    ("call", "key", "said"),
    [
        ("volume/v3/types", "volume_types", ["volume type: encrypted"]),
        ("compute/v2.1/os-availability-zone", "availabilityZoneInfo", ["zone: paris-1a", "zone: paris-1b"]),
        ("volume/v3/os-availability-zone", "availabilityZoneInfo", ["zone of volumes: paris-1a"]),
        ("image/v2/images", "images", ["image: debian-13-secnum"]),
    ],
)  # fmt: skip
def test_what_the_cloud_file_promises_and_the_cloud_has_not(
    cloud: Cloud, connection: Connection, loaded: LoadedStack, call: str, key: str, said: list[str]
) -> None:
    furnish(cloud, loaded)
    cloud.usual(f"^GET /{call}$", {key: []})
    lines = refused(connection, loaded)
    assert all(any(line.endswith(one) for line in lines) for one in said)
    assert all("SOC-4201" in line for line in lines if "SOC-" in line)


def test_missing_things_and_services_are_told_together(cloud: Cloud, loaded: LoadedStack, patience: Patience) -> None:
    cloud.forget(without=["dns"])
    lines = refused(access.connect(loaded, patience), loaded)
    text = "\n".join(lines)
    assert "SOC-4220" in text and "image:" in text and "zone:" in text and "volume type:" in text


def test_a_service_that_answers_with_a_fault_is_not_missing(
    cloud: Cloud, connection: Connection, loaded: LoadedStack
) -> None:
    furnish(cloud, loaded)
    cloud.script("^GET /volume/v3/types$", error(403))
    assert refusal(lambda: preflight.existence(connection, loaded, derive(loaded))).code == "SOC-4121"


# --- the pure half, and `socle lab up --for` ---


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({}, set()),
        ({"data": {"media": "sensitive"}}, {"key-manager"}),
        ({"features": {"recording": True}}, {"object-store"}),
    ],
)
def test_the_groups_of_a_stack_of_the_embedded_cloud(
    stack_file: Callable[..., Path], changes: dict[str, Any], more: set[str]
) -> None:
    none = {"nodes": 0, "reason": "the smallest stack that there can be"}
    tiers = ("application", "workers", "database", "cache", "monitoring", "logs", "backup")
    small: dict[str, Any] = {
        "cloud": "lab", "environment": "lab", "overrides": dict.fromkeys(tiers, none), "availability": "single",
        "people": {"seats": 40, "peak_in_call": 0.25, "largest_room": 8}, "identity": {"provider": "none"},
        "data": {"media": "internal", "recordings": "internal", "transcripts": "internal"},
    }  # fmt: skip
    assert groups_of(str(stack_file(**(small | changes)))) == {"load-balancer", "dns"} | more


def test_the_embedded_cloud_is_started_for_no_stack_of_another(loaded: LoadedStack) -> None:
    with pytest.raises(InputError) as caught:
        groups_of(str(loaded.file))
    assert caught.value.code == "SOC-4221" and caught.value.where == loaded.document.mark(("cloud",))


def test_a_stack_without_volumes_needs_no_block_storage(loaded: LoadedStack) -> None:
    topology = derive(loaded)
    bare = [replace(t, nodes=tuple(replace(n, volume=None) for n in t.nodes)) for t in topology.tiers]
    found = services.needed(loaded, replace(topology, tiers=tuple(bare)))
    assert services.needed(loaded, topology) - found == {"block-storage", "key-manager"}
