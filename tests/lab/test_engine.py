"""The cloud half, for real: a plan that moved is refused, a killed `up` is finished, `down` leaves nothing.

One stack (`engine`) lives through the whole file, cloud part only: its nodes are never configured.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from socle import content
from socle.engine import access, inventory
from socle.graph import model
from socle.lab import wiring
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.conftest import Deployment, changed, write_stack

if TYPE_CHECKING:
    from openstack.connection import Connection

    from socle.graph import Graph

pytestmark = pytest.mark.lab

SEED = 20261124  # of the moments of the kills
KINDS = {
    model.NETWORK: "network",
    model.SUBNET: "subnet",
    model.ROUTER: "router",
    model.ROUTER_INTERFACE: "router interface",
    model.PORT: "port",
    model.FLOATING_IP: "floating IP",
    model.SECURITY_GROUP: "security group",
    model.SECURITY_GROUP_RULE: "security group rule",
    model.INSTANCE: "server",
    model.SERVER_GROUP: "server group",
    model.KEYPAIR: "keypair",
    model.VOLUME: "volume",
    model.VOLUME_ATTACH: "attachment",
    model.ROUTER_ROUTE: "router route",
    model.LOAD_BALANCER: "load balancer",
    model.LISTENER: "listener",
    model.POOL: "pool",
    model.MONITOR: "health monitor",
    model.ZONE: "DNS zone",
    model.RECORD_SET: "record set",
    model.CONTAINER: "container",
}
KILLED = ("engine", "tool", "both", "engine")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    folder = tmp_path_factory.mktemp("engine")
    write_stack(folder, "engine", "10.97.0.0/19")
    stack = Deployment("engine", folder)
    stack.socle("down", "engine", "--name", "engine", timeout=900)  # what a test run that was killed left behind
    yield stack
    stack.socle("down", "engine", "--name", "engine", timeout=900)


@pytest.fixture(scope="module")
def graph(stack: Deployment) -> Graph:
    from socle.graph.capture import capture

    loaded = load_stack(str(stack.file))
    return capture(loaded, derive(loaded))


@pytest.fixture(scope="module")
def cloud(stack: Deployment) -> Connection:
    return access.connect(load_stack(str(stack.file)))


def there(cloud: Connection, graph: Graph) -> Counter[str]:
    """How many things of each kind carry the stack's marks."""
    names = {resource.name for resource in graph}
    found = inventory.of_stack(inventory.everything(cloud), "engine", names)
    return Counter(thing.kind for thing in found)


def expected(graph: Graph) -> Counter[str]:
    """A port that joins a router is the router's own."""
    joints = {one.get("port_id").target for one in graph.of(model.ROUTER_INTERFACE) if one.get("port_id")}
    return Counter(KINDS[one.type] for one in graph if one.type in KINDS and one.name not in joints)


def engine_pids(stack: Deployment) -> list[int]:
    """The Pulumi CLI that works for this stack, by the mark in its environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            ours = str(stack.folder).encode() in (folder / "environ").read_bytes()
            if ours and (folder / "exe").readlink().name == "pulumi":
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def kill_after(stack: Deployment, done: int, who: str) -> int:
    """Runs `up` and kills it after so many finished operations. Returns how many were seen; fewer: it had ended."""
    run = stack.start("up", "engine", "--yes", "--cloud-only")
    watchdog = threading.Timer(600, run.kill)
    watchdog.start()
    assert run.stdout
    seen = 0
    for line in run.stdout:
        seen += bool(re.match(r"  created ", line))
        if seen == done:
            engines = engine_pids(stack)
            assert engines, "no engine is running, nothing would be tested"
            victims = {"engine": engines, "tool": [run.pid], "both": [*engines, run.pid]}[who]
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            break
    if who == "engine":
        rest = run.stdout.read()
        assert "SOC-7212" in rest, rest
    run.wait(timeout=60)
    run.stdout.close()
    watchdog.cancel()
    return seen


def test_a_plan_holds_only_for_the_stack_it_was_made_for(stack: Deployment, cloud: Connection, graph: Graph) -> None:
    plan = stack.folder / "engine.plan.json"
    done = stack.socle("plan", "engine", "--save", str(plan))
    assert re.search(r"Instance +\d", done.stdout), done.stdout
    with changed(stack, people={"seats": 40, "peak_in_call": 0.25, "largest_room": 9}):
        refused = stack.socle("up", "engine", "--plan", str(plan), check=False)
    assert refused.returncode == 8, refused.stderr
    assert "SOC-8101" in refused.stderr
    assert "the stack, cloud or release file" in refused.stderr
    assert there(cloud, graph) == Counter()


def test_killed_at_any_moment_the_next_up_finishes(stack: Deployment, cloud: Connection, graph: Graph) -> None:
    dice = random.Random(SEED)
    total = sum(expected(graph).values())
    for who in KILLED:
        point = dice.randint(1, max(2, total // 5))
        kill_after(stack, point, who)
        if who == "engine":
            assert stack.socle("plan", "engine", check=False).returncode == 9, "an unfinished run goes unnoticed"
    stack.socle("up", "engine", "--yes", "--cloud-only")
    assert there(cloud, graph) == expected(graph)


def test_a_second_up_does_nothing(stack: Deployment) -> None:
    assert "cloud: no operation" in stack.socle("up", "engine", "--yes", "--cloud-only").stdout
    assert "no change" in stack.socle("plan", "engine").stdout


def media(**own: object) -> dict[str, object]:
    return {"overrides": {"media": {**own, "reason": "to see what a plan says of it"}}}


@pytest.fixture
def full_zone(stack: Deployment, administrator: Any) -> Iterator[None]:
    """The zone of the media nodes has no host left for one more of them."""
    servers = [administrator.compute.find_server(one, all_projects=True, details=True) for one in stack.nodes("media")]
    taken = {server.compute_host for server in servers}
    free = [host for host in wiring.wiring().hosts_of("zone-1") if host not in taken]
    services = [one for one in administrator.compute.services(binary="nova-compute") if one.host in free]
    assert len(services) == len(free) > 0
    for one in services:
        administrator.compute.disable_service(one)
    yield
    for one in services:
        administrator.compute.enable_service(one)


@pytest.mark.usefixtures("full_zone")
def test_an_instance_that_the_cloud_cannot_make_is_explained(stack: Deployment) -> None:
    with changed(stack, **media(nodes=3)):
        failed = stack.socle("up", "engine", "--yes", "--cloud-only", check=False)
        third = stack.nodes("media")[2]
    assert failed.returncode == 4, failed.stderr
    assert f"{third} never ran: No valid host was found" in failed.stderr


def test_an_instance_that_never_ran_is_made_anew_unasked(stack: Deployment) -> None:
    """It carries no call. One that runs goes only when it is named."""
    with changed(stack, **media(nodes=3)):
        done = stack.socle("up", "engine", "--yes", "--cloud-only")
        third = stack.nodes("media")[2]
    assert f"- {third} never ran" in done.stdout
    assert "cuts no call" in done.stdout
    stack.socle("up", "engine", "--yes", "--cloud-only", "--replace", third, "--replace", f"{third}-public")


def test_what_holds_data_is_not_taken_away_unasked(stack: Deployment) -> None:
    """Another block would replace every network, and the nodes that carry calls with them."""
    with changed(stack, network={"cidr": "10.98.0.0/19"}):
        refused = stack.socle("up", "engine", "--yes", "--cloud-only", check=False)
    assert refused.returncode == 3, refused.stdout + refused.stderr
    assert "SOC-3201" in refused.stderr
    assert {*stack.nodes("media"), *stack.nodes("turn")} <= set(refused.stderr.split())
    assert "cloud: no operation" in stack.socle("up", "engine", "--yes", "--cloud-only").stdout


@contextmanager
def beside(stack: Deployment, *, moved: bool) -> Iterator[None]:
    """`next`: a release after this one. `moved`: the lab has its zones in another order."""
    shipped, own = content.folder("stacks"), stack.folder / "stacks"
    cloud = (shipped / "clouds/lab.yaml").read_text(encoding="utf-8")
    other = cloud.replace("zones: [zone-1, zone-2, zone-3]", "zones: [zone-2, zone-1, zone-3]")
    assert other != cloud
    release = next((shipped / "releases").glob("*.yaml")).read_text(encoding="utf-8")
    following = re.sub(r'(?m)^version: ".*"$', 'version: "next"', release)
    written = {own / "releases/next.yaml": following, **({own / "clouds/lab.yaml": other} if moved else {})}
    for file, text in written.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    try:
        yield
    finally:
        for file in written:
            file.unlink()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (media(nodes=3), 0, ["cuts no call, loses no data, gives up no address"]),
        (media(flavour="lab.large"), 0, ["restarts {media[0]} and cuts the calls on it"]),
        (media(nodes=1), 3, ["SOC-3201", "{media[1]}"]),
        ({"domain": "visio.renamed.example"}, 3, ["SOC-3201", "engine-zone"]),
        ({"cloud": "lab"}, 3, ["SOC-3201", "{media[0]}", "{turn[0]}", "{bus[0]}-data"]),
        ({"release": "next"}, 0, ["cuts no call", "restarts nothing on {media[0]}"]),
    ],
    ids=["grow", "resize", "shrink", "rename", "move zone", "new release"],
)
def test_a_plan_says_whom_it_disturbs(
    stack: Deployment, change: dict[str, object], code: int, words: list[str]
) -> None:
    """And what would cut calls, lose data or give up a name is refused until it is named."""
    nodes = {tier: stack.nodes(tier) for tier in ("media", "turn", "bus")}
    with beside(stack, moved="cloud" in change), changed(stack, **change):
        done = stack.socle("plan", "engine", check=False)
    assert done.returncode == code, done.stderr
    for one in words:
        assert one.format(**nodes) in done.stdout + done.stderr


def test_a_stack_of_another_name_is_another_stack(stack: Deployment) -> None:
    """Renaming a file moves nothing: it plans a second stack beside the first, and says which resources are whose."""
    write_stack(stack.folder, "other", "10.93.0.0/19")
    done = stack.socle("plan", "other")
    assert "cuts no call, loses no data, gives up no address" in done.stdout
    assert "engine-" not in done.stdout


def test_what_somebody_changed_by_hand_is_put_back(stack: Deployment, cloud: Connection, graph: Graph) -> None:
    plan = stack.folder / "same.plan.json"
    stack.socle("plan", "engine", "--save", str(plan))
    name = next(resource.name for resource in graph.of(model.NETWORK))
    network = cloud.network.find_network(name, ignore_missing=False)
    cloud.network.update_network(network, description="changed by hand")
    moved = stack.socle("up", "engine", "--plan", str(plan), check=False)
    assert moved.returncode == 8
    assert "the operations" in moved.stderr
    assert "1 changed" in stack.socle("up", "engine", "--yes", "--cloud-only").stdout
    assert cloud.network.get_network(network.id).description.startswith("socle:engine")


def test_drift_tells_what_somebody_did_by_hand_and_what_it_does_to_the_controls(
    stack: Deployment, cloud: Connection
) -> None:
    """A rule deleted, a rule and a port added, a group put on a port, an instance resized."""
    assert "no difference" in stack.socle("drift", "engine").stdout
    network, compute = cloud.network, cloud.compute
    group = network.find_security_group("engine-media-group", ignore_missing=False)
    gone = next(
        one
        for one in network.security_group_rules(security_group_id=group.id)
        if "/ingress-signalling" in one.description
    )
    network.delete_security_group_rule(gone)
    opened = network.create_security_group_rule(
        security_group_id=group.id, direction="ingress", ether_type="IPv4", protocol="tcp", port_range_min=22,
        port_range_max=22, remote_ip_prefix="0.0.0.0/0",
    )  # fmt: skip
    port = network.create_port(network_id=network.find_network("engine-bus", ignore_missing=False).id, name="by-hand")
    (edge,), (bus,) = stack.nodes("edge"), stack.nodes("bus")
    other = next(network.ports(name=f"{edge}-port"))
    strange = network.find_security_group("default", ignore_missing=False)
    own = list(other.security_group_ids)
    network.update_port(other, security_groups=[*own, strange.id])
    server = compute.find_server(bus, ignore_missing=False)
    compute.resize_server(server, compute.find_flavor("lab.medium", ignore_missing=False))
    compute.wait_for_server(server, status="VERIFY_RESIZE", wait=180)
    compute.confirm_server_resize(server)
    compute.wait_for_server(server, status="ACTIVE", wait=60)

    drifted = stack.socle("drift", "engine", "--json", check=False)
    assert drifted.returncode == 10, drifted.stderr
    told = json.loads(drifted.stdout)
    found = {(one["kind"], one["name"]) for one in told["differences"]}
    assert ("changed", f"{edge}-port") in found
    assert ("changed", bus) in found
    assert {("undeclared", "by-hand"), ("undeclared", opened.id)} <= found
    assert any(kind == "missing" and "signalling" in name for kind, name in found)
    assert {"NET-02", "GOV-07"} <= {one["control"] for one in told["controls"] if one["now"] == "failed"}

    held = stack.socle("down", "engine", "--name", "engine", check=False)
    assert (held.returncode, "Port by-hand (engine-bus)" in held.stderr) == (4, True), held.stderr

    network.delete_port(port)
    network.delete_security_group_rule(opened)
    network.update_port(other, security_groups=own)
    stack.socle("up", "engine", "--yes", "--cloud-only")
    assert "no difference" in stack.socle("drift", "engine").stdout


def test_two_at_once_are_one_too_many(stack: Deployment) -> None:
    first = stack.start("up", "engine", "--yes", "--cloud-only")
    lock = stack.folder / "state/engine/lock"
    deadline = time.monotonic() + 60
    while not (lock.exists() and str(first.pid) in lock.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    second = stack.socle("up", "engine", "--yes", "--cloud-only", check=False)
    first.communicate(timeout=120)
    assert second.returncode == 9
    assert f"process {first.pid}" in second.stderr


def test_down_needs_the_name_and_leaves_nothing(stack: Deployment, cloud: Connection, graph: Graph) -> None:
    refused = stack.socle("down", "engine", "--name", "engin", check=False)
    assert refused.returncode == 2
    assert there(cloud, graph) == expected(graph)
    stack.socle("down", "engine", "--name", "engine")
    assert there(cloud, graph) == Counter()


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"application_credential_secret": "wrong"}, "SOC-4103", "refuses the credentials"),
        ({"application_credential_id": "0" * 32}, "SOC-4103", "refuses the credentials"),
    ],
)
def test_wrong_credentials_are_one_clear_error(
    stack: Deployment, tmp_path: Path, change: dict[str, str], code: str, words: str
) -> None:
    import yaml

    loaded = load_stack(str(stack.file))
    clouds = yaml.safe_load(Path(str(loaded.cloud.credentials)).read_text())
    clouds["clouds"]["lab"]["auth"].update(change)
    credentials = tmp_path / "clouds.yaml"
    credentials.write_text(yaml.safe_dump(clouds))
    folder = stack.folder / "stacks/clouds"
    folder.mkdir(exist_ok=True)
    own = folder / "lab.yaml"
    text = (content.folder("stacks") / "clouds/lab.yaml").read_text()
    own.write_text(re.sub(r"(?m)^credentials: \S+", f"credentials: {credentials}", text))
    try:
        refused = stack.socle("plan", "engine", check=False)
    finally:
        own.unlink()
    assert refused.returncode == 4, refused.stderr
    assert code in refused.stderr
    assert words in refused.stderr
    assert "Traceback" not in refused.stderr
