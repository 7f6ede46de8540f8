"""The optional services, each by what a stack would do with it; zones, quotas and the credential that the tool has.

They are added to the lab that runs, which is not restarted; they stay until it is taken down.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
import yaml

from socle.engine import access
from socle.lab import access as handed
from socle.lab import apis, credential, optional, passwords, quotas, wiring, world
from socle.lab.optional import identity
from socle.stack import load_stack
from tests.lab.conftest import SOCLE, Deployment, write_stack
from tests.lab.plugged import Plugged, plugged, until
from tests.lab.s3 import S3

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("every_service")]

NAME = "services-proof"
PORT = 8000


@pytest.fixture(scope="module")
def cloud() -> Any:
    """As the tool sees it, with its own credential."""
    return access.connect(load_stack("demo"))


@pytest.fixture(scope="module")
def net(cloud: Any) -> Iterator[Any]:
    """A network behind a router, and a group that lets the test's port in: `network`, `subnet`, `group`."""
    network = cloud.network.create_network(name=NAME)
    subnet = cloud.network.create_subnet(network_id=network.id, name=NAME, ip_version=4, cidr="10.95.0.0/24")
    outside = cloud.network.find_network(wiring.wiring().external_network, ignore_missing=False)
    router = cloud.network.create_router(name=NAME, external_gateway_info={"network_id": outside.id})
    cloud.network.add_interface_to_router(router, subnet=subnet.id)
    group = cloud.network.create_security_group(name=NAME)
    cloud.network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ethertype="IPv4", protocol="tcp",
        port_range_min=PORT, port_range_max=PORT,
    )  # fmt: skip
    yield SimpleNamespace(network=network, subnet=subnet, group=group, outside=outside)
    cloud.network.remove_interface_from_router(router, subnet=subnet.id)
    cloud.network.delete_router(router)
    cloud.network.delete_security_group(group)
    cloud.network.delete_network(network)


@pytest.fixture(scope="module")
def machines(cloud: Any, net: Any) -> Iterator[tuple[Plugged, Plugged]]:
    with (
        plugged(cloud, net.network, net.group, f"{NAME}-1") as first,
        plugged(cloud, net.network, net.group, f"{NAME}-2") as second,
    ):
        yield first, second


def state() -> dict[str, Any]:
    said = subprocess.run([str(SOCLE), "lab", "status", "--json"], capture_output=True, text=True, check=True).stdout
    found: dict[str, Any] = json.loads(said)
    return found


def test_a_second_up_does_nothing_and_the_groups_are_known(every_service: int) -> None:
    done = subprocess.run([str(SOCLE), "lab", "up"], capture_output=True, text=True, check=True)
    assert done.stderr.strip().splitlines() == ["the lab is up"]
    found = state()
    assert found["groups"] == list(optional.GROUPS)
    assert set(apis.BY_NAME) <= set(found["services"])
    assert world.pid() == every_service


def test_the_catalogue_names_what_runs(cloud: Any) -> None:
    known = {api.kind for api in apis.BY_NAME.values() if api.kind}
    assert {entry["type"] for entry in cloud.service_catalog} >= known


# load balancer


@pytest.fixture
def balancer(cloud: Any, net: Any, machines: tuple[Plugged, Plugged]) -> Iterator[Any]:
    """A listener with two members that are probed every two seconds, behind a public address: `url`, `pool`."""
    balancing = cloud.load_balancer
    made = balancing.create_load_balancer(name=NAME, vip_subnet_id=net.subnet.id)

    def settled() -> None:
        until(lambda: balancing.get_load_balancer(made.id).provisioning_status == "ACTIVE")

    settled()
    listener = balancing.create_listener(name=NAME, load_balancer_id=made.id, protocol="TCP", protocol_port=PORT)
    settled()
    pool = balancing.create_pool(name=NAME, listener_id=listener.id, protocol="TCP", lb_algorithm="SOURCE_IP_PORT")
    settled()
    for machine in machines:
        balancing.create_member(
            pool, name=machine.name, address=machine.address, protocol_port=PORT, subnet_id=net.subnet.id
        )
        settled()
    balancing.create_health_monitor(pool_id=pool.id, type="TCP", delay=2, timeout=1, max_retries=1, max_retries_down=1)
    settled()
    address = cloud.network.create_ip(floating_network_id=net.outside.id, port_id=made.vip_port_id)
    yield SimpleNamespace(url=f"http://{address.floating_ip_address}:{PORT}/", pool=pool)
    cloud.network.delete_ip(address)
    balancing.delete_load_balancer(made.id, cascade=True)
    until(lambda: made.id not in {one.id for one in balancing.load_balancers()})


def test_a_dead_member_is_taken_out_and_comes_back(
    cloud: Any, balancer: Any, machines: tuple[Plugged, Plugged]
) -> None:
    alive, victim = machines

    def answers(count: int = 20) -> Counter[str]:
        got: Counter[str] = Counter()
        for _ in range(count):  # each from another port, by which the balancer chooses
            with requests.Session() as session:
                session.trust_env = False
                try:
                    got[session.get(balancer.url, timeout=2).text] += 1
                except requests.RequestException:
                    got["no answer"] += 1
        return got

    def status(machine: Plugged) -> str:
        (member,) = [m for m in cloud.load_balancer.members(balancer.pool) if m.name == machine.name]
        return str(member.operating_status)

    for machine in machines:
        machine.answer(PORT)
    until(lambda: set(answers()) == {alive.name, victim.name})
    until(lambda: {status(machine) for machine in machines} == {"ONLINE"})
    victim.stop()
    until(lambda: set(answers()) == {alive.name})  # one refusal or silence among twenty, and it is not out
    until(lambda: status(victim) == "ERROR")
    assert status(alive) == "ONLINE"
    victim.answer(PORT)
    until(lambda: status(victim) == "ONLINE")
    until(lambda: set(answers()) == {alive.name, victim.name})


# names


@pytest.fixture
def zone(cloud: Any) -> Iterator[Any]:
    made = cloud.dns.create_zone(name="visio.services.example.", email="hostmaster@services.example")
    yield made
    cloud.dns.delete_zone(made)
    until(lambda: made.id not in {one.id for one in cloud.dns.zones()})


def resolve(name: str) -> list[str]:
    import dns.message
    import dns.query

    query = dns.message.make_query(name, "A")
    answer = dns.query.udp(query, str(wiring.wiring().services), timeout=5)
    return [str(item) for records in answer.answer for item in records]


def test_a_record_is_answered_by_the_name_server(cloud: Any, zone: Any) -> None:
    record = cloud.dns.create_recordset(zone, name=f"livekit.{zone.name}", type="A", records=["198.51.100.77"], ttl=60)
    until(lambda: resolve(record.name) == ["198.51.100.77"])
    until(lambda: cloud.dns.get_recordset(record, zone).status == "ACTIVE")
    cloud.dns.update_recordset(record, zone_id=zone.id, records=["198.51.100.78"])
    until(lambda: resolve(record.name) == ["198.51.100.78"])


# keys


def test_a_secret_is_read_back_by_its_public_reference(cloud: Any) -> None:
    made = cloud.key_manager.create_secret(name=NAME, payload="s3cr3t", payload_content_type="text/plain")
    try:
        assert made.secret_ref.startswith(apis.BY_NAME["barbican"].public(str(wiring.wiring().services)))
        assert cloud.key_manager.get_secret(made.secret_id).payload == "s3cr3t"
    finally:
        cloud.key_manager.delete_secret(made.secret_id)
    assert all(secret.name != NAME for secret in cloud.key_manager.secrets())


def test_encryption_of_a_volume_is_asked_for_and_said(cloud: Any) -> None:
    storage = cloud.block_storage
    for kind, encrypted in ((wiring.wiring().encrypted_type, True), (wiring.wiring().volume_type, False)):
        volume = storage.create_volume(name=NAME, size=1, volume_type=kind)
        try:
            until(lambda volume=volume: storage.get_volume(volume).status == "available")
            assert storage.get_volume(volume).is_encrypted is encrypted
        finally:
            storage.delete_volume(volume)
            storage.wait_for_delete(volume, wait=60)


# objects


@pytest.fixture
def s3(cloud: Any) -> S3:
    where = wiring.wiring()
    return S3.of(apis.BY_NAME["swift"].public(str(where.services)), where.region, handed.S3, str(handed.CERTIFICATE))


@pytest.fixture
def bucket(s3: S3) -> Iterator[str]:
    """With versions on."""
    assert s3.request("PUT", NAME).status_code == 200
    wanted = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    assert s3.request("PUT", NAME, {"versioning": ""}, wanted).status_code == 200
    yield NAME
    for key, version in versions(s3, NAME):
        s3.request("DELETE", f"{NAME}/{key}", {"versionId": version})
    assert s3.request("DELETE", NAME).status_code == 204


def versions(s3: S3, bucket: str) -> list[tuple[str, str]]:
    """(key, version) of all that a bucket holds."""
    import re

    said = s3.request("GET", bucket, {"versions": ""}).text
    return re.findall(r"<Key>(.*?)</Key>.*?<VersionId>(.*?)</VersionId>", said)


def test_an_overwritten_object_is_kept(s3: S3, bucket: str) -> None:
    for body in (b"first", b"second"):
        assert s3.request("PUT", f"{bucket}/state.json", body=body).status_code == 200
    assert s3.request("GET", f"{bucket}/state.json").text == "second"
    found = versions(s3, bucket)
    assert len(found) == 2
    kept = {s3.request("GET", f"{bucket}/state.json", {"versionId": version}).text for _key, version in found}
    assert kept == {"first", "second"}


def test_another_key_is_refused(s3: S3, bucket: str) -> None:
    wrong = S3(s3.endpoint, s3.region, s3.key, "0" * 32, s3.authority)
    assert wrong.request("GET", bucket).status_code == 403
    assert s3.request("GET", bucket).status_code == 200


def test_both_interfaces_hold_the_same_objects(cloud: Any, s3: S3, bucket: str) -> None:
    s3.request("PUT", f"{bucket}/one", body=b"by S3")
    assert cloud.object_store.download_object("one", container=bucket) == b"by S3"


def test_an_instance_reaches_every_service_over_tls(machines: tuple[Plugged, Plugged]) -> None:
    authority = handed.CERTIFICATE.read_text()
    address = str(wiring.wiring().services)
    healthy = apis.BY_NAME["swift"].public(address) + "/healthcheck"
    assert until(lambda: fetched(machines[0], healthy, authority)) == "OK"
    for name in ("octavia", "designate", "barbican"):
        assert "v" in machines[0].fetch(apis.BY_NAME[name].public(address) + "/", authority)


def fetched(machine: Plugged, url: str, authority: str) -> str | None:
    """None while the way is not there yet."""
    try:
        return machine.fetch(url, authority)
    except subprocess.CalledProcessError:
        return None


# zones, quotas, credential


def test_zones_have_one_name_everywhere(cloud: Any, administrator: Any) -> None:
    wanted = load_stack("demo").cloud.zones
    assert sorted(zone.name for zone in cloud.compute.availability_zones()) == wanted
    assert sorted(zone.name for zone in cloud.block_storage.availability_zones()) == wanted
    assert sorted({zone.name for zone in cloud.network.availability_zones()}) == wanted
    hosts = {host: a.availability_zone for a in administrator.compute.aggregates() for host in a.hosts}
    assert hosts == wiring.wiring().hosts


@pytest.mark.parametrize("zone", load_stack("demo").cloud.zones)
def test_a_zone_holds_what_is_asked_for_there(zone: str, cloud: Any, administrator: Any) -> None:
    where = wiring.wiring()
    (image,) = cloud.image.images(name=where.image)
    (flavour,) = (one for one in cloud.compute.flavors() if one.name == "lab.small")
    server = cloud.compute.create_server(
        name=f"{NAME}-{zone}", image_id=image.id, flavor_id=flavour.id, networks="none", availability_zone=zone
    )
    volume = cloud.block_storage.create_volume(name=NAME, size=1, availability_zone=zone)
    try:
        cloud.compute.wait_for_server(server, wait=120)
        host = administrator.compute.get_server(server.id).hypervisor_hostname
        assert where.hosts[host] == zone
        until(lambda: cloud.block_storage.get_volume(volume).status == "available")
        assert cloud.block_storage.get_volume(volume).availability_zone == zone
    finally:
        cloud.block_storage.delete_volume(volume)
        cloud.compute.delete_server(server)
        cloud.compute.wait_for_delete(server, wait=60)


@pytest.mark.filterwarnings("ignore:The field")  # the SDK's own, of a limit that nobody reads
def test_the_project_has_limits(cloud: Any) -> None:
    limits = cloud.compute.get_limits().absolute
    compute = quotas.of("compute")
    assert (limits.instances, limits.total_cores, limits.total_ram) == tuple(
        compute[name] for name in ("instances", "cores", "ram")
    )
    assert cloud.block_storage.get_limits().absolute.max_total_volumes == quotas.of("volume")["volumes"]
    network = cloud.network.get_quota(cloud.current_project_id)
    rules = quotas.of("network")
    assert (network.ports, network.security_group_rules) == (rules["port"], rules["security_group_rule"])
    balancing = cloud.load_balancer.get_quota(cloud.current_project_id)
    assert balancing.load_balancers == quotas.of("load_balancer")["load_balancers"]


def test_the_tool_is_a_plain_member_for_ninety_days(cloud: Any) -> None:
    from openstack.exceptions import ForbiddenException

    signed_in = cloud.session.auth.get_access(cloud.session)
    assert set(signed_in.role_names) == {*credential.ROLES, "reader"}
    kept = credential.known()
    assert kept
    assert not credential.is_due(kept, datetime.now(UTC))
    with pytest.raises(ForbiddenException):  # restricted: it makes no other one, that would outlive it
        cloud.identity.create_application_credential(cloud.current_user_id, name="another")
    with pytest.raises(ForbiddenException):
        list(cloud.compute.hypervisors())


# the key of name updates; what who registers Visio with the provider of identities would be given, and two people
HANDED_OUT = ("tsig", "identity_client", *(f"identity_{user}" for user in identity.USERS))


def test_no_password_is_handed_out() -> None:
    secrets = passwords.load(wiring.SECRETS, apis.SERVICE_USERS)
    for file in wiring.ACCESS.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file
        text = file.read_text()
        assert [name for name, value in secrets.items() if value in text and name not in HANDED_OUT] == [], file


def test_a_user_with_a_password_deploys_as_well(tmp_path: Path) -> None:
    """The engine's plugin, the other way of signing in: the plan is the same."""
    write_stack(tmp_path, "signin", "10.94.0.0/19")
    stack = Deployment("signin", tmp_path)
    planned = stack.socle("plan", "signin").stdout
    clouds = yaml.safe_load((wiring.ACCESS / "clouds.yaml").read_text())
    where = wiring.wiring()
    clouds["clouds"]["lab"] |= {
        "auth_type": "password",
        "auth": {
            "auth_url": clouds["clouds"]["lab"]["auth"]["auth_url"],
            "username": where.project,
            "password": passwords.load(wiring.SECRETS, apis.SERVICE_USERS)["operator"],
            "user_domain_name": "Default",
            "project_domain_name": "Default",
        },
    }
    own = tmp_path / "clouds.yaml"
    own.write_text(yaml.safe_dump(clouds))
    text = (Path(__file__).parents[2] / "stacks" / "clouds" / "lab.yaml").read_text()
    (tmp_path / "stacks" / "clouds").mkdir()
    (tmp_path / "stacks" / "clouds" / "lab.yaml").write_text(text.replace(str(wiring.ACCESS / "clouds.yaml"), str(own)))
    assert stack.socle("plan", "signin").stdout == planned
