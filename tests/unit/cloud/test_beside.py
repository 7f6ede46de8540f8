"""What the provider does not see: told before the operations, put back where it is the stack's own, else left."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from socle.engine import access, beside, operations
from socle.engine.beside import Beside
from socle.graph import model
from tests.cloud import PROJECT, Cloud, error
from tests.unit.test_engine_operations import event

if TYPE_CHECKING:
    from openstack.connection import Connection

URN = "urn:pulumi:exemple::socle::"
GROUP = {"id": "d", "name": "default", "project_id": PROJECT}
RULES = [{"id": "r1", "security_group_id": "d"}, {"id": "r2", "security_group_id": "d"}]


def recorded(kind: str, name: str, identity: str, **inputs: Any) -> dict[str, Any]:
    return {"urn": f"{URN}{kind}::{name}", "type": kind, "id": identity, "inputs": inputs}


PORT = recorded(model.PORT, "exemple-media-port", "p", securityGroupIds=["g1", "g2"])
BARE = recorded(model.PORT, "exemple-transit-port", "t", noSecurityGroups=True)
NODE = recorded(model.INSTANCE, "exemple-media-1", "s", metadata={"socle_stack": "exemple", "owner": "ours"})


def ports(*rows: tuple[str, list[str]]) -> dict[str, Any]:
    return {"ports": [{"id": one, "security_groups": groups, "network_id": "n"} for one, groups in rows]}


def told(connection: Connection, *made: dict[str, Any], found: Any = ()) -> tuple[Beside, ...]:
    with access.cloud_errors():
        return beside.look(connection, "exemple", {"resources": list(made)}, found)


def mended(connection: Connection, found: tuple[Beside, ...]) -> list[str]:
    said: list[str] = []
    with access.cloud_errors():
        for one in found:
            assert one.mend
            one.mend(said.append)
    return said


def test_what_is_as_it_was_applied_is_not_told(cloud: Cloud, connection: Connection) -> None:
    cloud.usual("^GET /network/v2.0/ports$", ports(("p", ["g2", "g1"]), ("t", []), ("somebody's", ["x"])))
    cloud.usual(
        "^GET /compute/v2.1/servers/detail$", {"servers": [{"id": "s", "metadata": NODE["inputs"]["metadata"]}]}
    )
    assert told(connection, PORT, BARE, NODE) == ()


@pytest.mark.parametrize(
    ("one", "groups", "back"),
    [(PORT, ["g1", "g2", "d"], ["g1", "g2"]), (PORT, ["g1"], ["g1", "g2"]), (BARE, ["d"], [])],
    ids=["one more", "one less", "one on a port that has none"],
)
def test_groups_of_a_port_are_put_back(
    cloud: Cloud, connection: Connection, one: dict[str, Any], groups: list[str], back: list[str]
) -> None:
    cloud.usual("^GET /network/v2.0/ports$", ports((one["id"], groups)))
    cloud.usual(f"^PUT /network/v2.0/ports/{one['id']}$", {"port": {"id": one["id"]}})
    (found,) = told(connection, one)
    assert one["urn"].endswith(found.words.split()[0])
    assert not cloud.count("^PUT"), "looking changes nothing"
    assert mended(connection, (found,)) == []
    assert json.loads(cloud.bodies[-1])["port"]["security_groups"] == back


def test_what_the_engine_changes_is_left_to_it(cloud: Cloud, connection: Connection) -> None:
    cloud.usual("^GET /network/v2.0/ports$", ports(("p", ["g1"])))
    operation = {**event("update", model.PORT, "exemple-media-port"), "urn": PORT["urn"]}
    assert told(connection, PORT, found=operations.operations([operation])) == ()
    assert len(told(connection, PORT, found=operations.operations([{**operation, "op": "same"}]))) == 1


def test_metadata_of_an_instance_is_put_back(cloud: Cloud, connection: Connection) -> None:
    servers = {"servers": [{"id": "s", "metadata": {"socle_stack": "exemple", "by": "hand"}}]}
    cloud.usual("^GET /compute/v2.1/servers/detail$", servers)
    cloud.usual("^POST /compute/v2.1/servers/s/metadata$", {"metadata": {}})
    (found,) = told(connection, NODE)
    mended(connection, (found,))
    assert NODE["inputs"]["metadata"] in [json.loads(body).get("metadata") for body in cloud.bodies if body]
    assert cloud.count("^DELETE /compute/v2.1/servers/s/metadata/by$") == 1


def test_what_nobody_declared_is_told_and_stays(cloud: Cloud, connection: Connection) -> None:
    cloud.usual("^GET /network/v2.0/ports$", ports(("x", [])))
    (found,) = told(connection, recorded(model.NETWORK, "exemple-media", "n"))
    assert found.mend is None and "exemple-media" in found.words and "socle drift exemple" in found.words
    assert found.document() == {"words": found.words, "mended": False}


# --- the project's default group ---


def test_a_default_group_that_nothing_uses_is_emptied_first(cloud: Cloud, connection: Connection) -> None:
    cloud.usual("^GET /network/v2.0/security-groups$", {"security_groups": [GROUP]})
    cloud.usual("^GET /network/v2.0/security-group-rules$", {"security_group_rules": RULES})
    cloud.usual("^GET /network/v2.0/ports$", ports(("p", ["g1"])))
    first, second = told(connection, PORT)
    assert "2" in first.words and "default group" in first.words and "exemple-media-port" in second.words
    mended(connection, (first,))
    assert [call for call in cloud.asked if call.startswith("DELETE")] == [
        f"DELETE /network/v2.0/security-group-rules/{one}" for one in ("r1", "r2")
    ]


def test_one_that_is_used_or_empty_is_left(cloud: Cloud, connection: Connection) -> None:
    cloud.usual("^GET /network/v2.0/security-groups$", {"security_groups": [GROUP]})
    assert told(connection) == ()
    cloud.usual("^GET /network/v2.0/security-group-rules$", {"security_group_rules": RULES})
    cloud.usual("^GET /network/v2.0/ports$", ports(("somebody's", ["d"])))
    (found,) = told(connection)
    assert found.mend is None and "1" in found.words


def test_a_cloud_that_forbids_it_is_told_and_goes_on(cloud: Cloud, connection: Connection) -> None:
    cloud.usual("^GET /network/v2.0/security-groups$", {"security_groups": [GROUP]})
    cloud.usual("^GET /network/v2.0/security-group-rules$", {"security_group_rules": RULES})
    cloud.script("^DELETE /network", error(403))
    (line,) = mended(connection, told(connection))
    assert "forbids" in line
    assert cloud.count("^DELETE") == 1
