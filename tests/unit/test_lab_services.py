"""The lab's table of processes: whatever groups are asked for, what is offered is what runs."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest
import yaml

from socle.graph import model
from socle.graph.capture import capture
from socle.lab import (
    access,
    apis,
    configuration,
    credential,
    optional,
    passwords,
    quotas,
    services,
    surroundings,
    wiring,
)
from socle.lab.wiring import Wiring
from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import STACKS

SUBSETS = [
    set(some) for size in range(len(optional.GROUPS) + 1) for some in itertools.combinations(optional.GROUPS, size)
]
LABELS = ["+".join(sorted(some)) or "none" for some in SUBSETS]


@pytest.fixture
def where() -> Wiring:
    return wiring.wiring()


@pytest.fixture
def files(where: Wiring) -> configuration.Files:
    secrets = dict.fromkeys((*passwords.NAMES, *apis.SERVICE_USERS), "secret")
    return configuration.Files(where, secrets, 1500)


def table(where: Wiring, groups: set[str]) -> list[dict[str, Any]]:
    return [*services.table(where), *optional.rows(where, sorted(groups))]


@pytest.mark.parametrize("groups", SUBSETS, ids=LABELS)
def test_what_is_offered_runs_and_what_does_not_run_is_not_offered(
    groups: set[str], where: Wiring, files: configuration.Files
) -> None:
    running = {row["name"] for row in table(where, groups)}
    offered = apis.offered(groups)
    assert running & set(apis.BY_NAME) == {api.name for api in offered}
    texts = {"tls": surroundings.haproxy(where, "tls", apis.APIS, registry=True)}
    texts |= {name.removesuffix(".cfg"): text for name, text in optional.texts(files).items() if name.startswith("tls")}
    bound = Counter(int(port) for name in running & set(texts) for port in re.findall(r"bind \S+:(\d+)", texts[name]))
    assert bound == Counter([apis.REGISTRY_PORT, *(api.port for api in offered)])
    opened = re.search(r"tcp dport \{ (.*?) \}", surroundings.firewall(where, offered))
    assert opened
    around = {apis.MIRROR_PORT, apis.NAMES_PORT}
    assert {int(port) for port in opened[1].split(",")} == set(bound) | around


@pytest.mark.parametrize("groups", SUBSETS, ids=LABELS)
def test_every_process_can_be_started(groups: set[str], where: Wiring) -> None:
    """Each waits for processes of the same table, and none for itself."""
    rows = table(where, groups)
    names = [row["name"] for row in rows]
    assert len(names) == len(set(names))
    order = list(TopologicalSorter({row["name"]: row["after"] for row in rows}).static_order())
    assert set(order) == set(names)


def test_processes_write_what_they_share_in_one_order() -> None:
    """Else two that write stevedore's list of drivers at once may leave one that lacks some, and is valid."""
    program = [sys.executable, "-c", "print({str(number) for number in range(200)})"]
    orders = {subprocess.check_output(program, env=services.environment()) for _ in range(2)}
    assert len(orders) == 1


def test_no_two_processes_listen_on_one_port(where: Wiring) -> None:
    ready = [row["ready"] for row in table(where, set(optional.GROUPS)) if row["ready"]]
    ports = [one.rstrip("/").rpartition(":")[2].partition("/")[0] for one in ready if one.startswith(("tcp:", "http:"))]
    assert len(ports) > len(apis.BY_NAME)
    assert len(ports) == len(set(ports))


def test_a_group_s_processes_find_their_files(where: Wiring, files: configuration.Files) -> None:
    written = {f"{services.ETC}/{name}" for name in optional.texts(files)}
    for row in optional.rows(where, optional.GROUPS):
        named = {word for word in row["argv"] if re.fullmatch(rf"{services.ETC}/\S+\.\w+", word)}
        assert named <= written, row["name"]


def test_groups_are_remembered_in_one_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "GROUPS", tmp_path / "groups.json")
    assert optional.remembered() == ()
    optional.remember(["object-store"])
    assert optional.remember(["load-balancer"]) == ("load-balancer", "object-store")
    assert optional.remember([]) == optional.remembered() == ("load-balancer", "object-store")


@pytest.mark.parametrize("stack", [name for name in STACKS if load_stack(name).cloud.embedded])
def test_nodes_of_a_tier_have_a_host_each(stack: str, where: Wiring) -> None:
    """With anti-affinity one node more than hosts in its zone is never placed."""
    loaded = load_stack(stack)
    assert list(where.zones) == loaded.cloud.zones
    for tier in derive(loaded).tiers:
        for zone, count in Counter(node.zone for node in tier.nodes).items():
            assert count <= len(where.hosts_of(zone)), tier.name


def test_a_quorum_of_three_finds_hosts_in_one_zone_in_two_and_in_three(where: Wiring) -> None:
    room = [len(where.hosts_of(zone)) for zone in where.zones]
    for zones in (1, 2, 3):
        nodes = Counter(number % zones for number in range(3))
        assert all(count <= room[zone] for zone, count in nodes.items())
    assert len(room) == 3, "a witness needs a third failure domain"


def test_the_project_holds_three_demonstrations() -> None:
    loaded = load_stack("demo")
    topology = derive(loaded)
    graph = capture(loaded, topology)
    used = Counter(resource.type for resource in graph)
    sizes = [loaded.cloud.flavours[tier.flavour] for tier in topology.tiers for _node in tier.nodes]
    inside = len(topology.networks)  # each network has a port of its router, one for metadata
    needed = {
        "instances": used[model.INSTANCE],
        "cores": sum(size.vcpus for size in sizes),
        "ram": sum(size.memory * 1024 for size in sizes),
        "server_groups": used[model.SERVER_GROUP],
        "key_pairs": used[model.KEYPAIR],
        "volumes": used[model.VOLUME],
        "gigabytes": sum(node.volume.size for node in topology.nodes if node.volume),
        "network": used[model.NETWORK],
        "subnet": used[model.SUBNET],
        "port": used[model.PORT] + 2 * inside,
        "router": used[model.ROUTER],
        "floatingip": used[model.FLOATING_IP],
        "security_group": used[model.SECURITY_GROUP],
        "security_group_rule": used[model.SECURITY_GROUP_RULE],
    }
    limits = {name: limit for kind in ("compute", "volume", "network") for name, limit in quotas.of(kind).items()}
    assert needed["instances"] > 1
    assert {name for name, count in needed.items() if 3 * count > limits[name]} == set()


NOW = datetime(2026, 11, 25, tzinfo=UTC)


@pytest.mark.parametrize(("left", "due"), [(31, False), (29, True), (-1, True)])
def test_a_credential_is_renewed_in_its_last_month(left: int, due: bool) -> None:
    assert credential.is_due(credential.Credential("id", "secret", NOW + timedelta(days=left)), NOW) is due


def test_a_good_credential_is_kept_and_the_cloud_is_not_asked(
    where: Wiring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def make(*_: object) -> credential.Credential:
        made.append("one")
        return credential.Credential(f"id-{len(made)}", "secret", datetime.now(UTC) + credential.LIFE)

    monkeypatch.setattr(wiring, "CREDENTIAL", tmp_path / "credential.json")
    monkeypatch.setattr(credential, "make", make)
    first = credential.ensure(where, {})
    assert credential.ensure(where, {}) == first
    assert (tmp_path / "credential.json").stat().st_mode & 0o077 == 0
    (tmp_path / "credential.json").write_text('{"id": "old", "secret": "s", "ends": "2026-01-01T00:00:00+00:00"}')
    assert credential.ensure(where, {}).id == "id-2"


def test_the_operator_s_file_holds_an_application_credential_and_nothing_else(where: Wiring) -> None:
    auth = access.clouds(where, "the id", "the secret")["clouds"]["lab"]["auth"]
    assert set(auth) == {"auth_url", "application_credential_id", "application_credential_secret"}
    assert "password" not in yaml.safe_dump(auth)


def test_keys_have_the_size_their_readers_want(tmp_path: Path) -> None:
    from base64 import b64decode

    from cryptography.fernet import Fernet

    found = passwords.load(tmp_path / "secrets.json", ("nova",))
    Fernet(found["secrets_key"])
    assert len(b64decode(found["tsig"])) >= 16
    assert found == passwords.load(tmp_path / "secrets.json", ("nova",))
