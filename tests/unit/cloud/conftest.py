"""A stack in a cloud that answers what a test tells it to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from socle.engine import access
from socle.engine.patience import Patience
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from tests.cloud import REGION, Clock, Cloud
from tests.conftest import GOOD, ROOT

if TYPE_CHECKING:
    from openstack.connection import Connection


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def patience(clock: Clock) -> Patience:
    return Patience(answer=10, pauses=(1, 2, 4), sleep=clock.sleep, now=lambda: clock.seconds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cloud")


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Cloud]:
    with Cloud(folder) as one:
        yield one


@pytest.fixture
def cloud(server: Cloud) -> Cloud:
    server.forget()
    return server


@pytest.fixture(scope="module")
def loaded(server: Cloud, folder: Path) -> Iterator[LoadedStack]:
    """The example's stack, in the cloud of the tests."""
    data = yaml.safe_load((ROOT / "stacks" / "clouds" / "secnum-paris.yaml").read_text(encoding="utf-8"))
    auth = {"username": "operator", "password": "p", "user_domain_name": "Default", "project_domain_name": "Default"}
    (folder / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"here": {"auth": auth, "region_name": REGION}}}))
    data |= {"auth_url": f"{server.url}/v3", "region": REGION, "ca_certificate": str(server.authority)}
    data |= {"credentials": str(folder / "clouds.yaml")}
    (folder / "clouds").mkdir()
    (folder / "clouds" / "here.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
    (folder / "exemple.yaml").write_text(yaml.safe_dump({**GOOD, "cloud": "here"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOCLE_STACKS", str(folder))
        yield load_stack(str(folder / "exemple.yaml"))


@pytest.fixture
def connection(cloud: Cloud, loaded: LoadedStack, patience: Patience) -> Connection:
    return access.connect(loaded, patience)


def furnish(cloud: Cloud, loaded: LoadedStack) -> None:
    """Whatever the cloud file says that the cloud has."""
    offered = loaded.cloud
    zones = [{"zoneName": name, "zoneState": {"available": True}} for name in offered.zones]
    images = [{"id": image.name, "name": image.name, "status": "active"} for image in offered.images.values()]
    flavours = [
        {"id": name, "name": name, "vcpus": one.vcpus, "ram": int(one.memory * 1024), "disk": one.disk}
        for name, one in offered.flavours.items()
    ]
    network = {"id": "outside", "name": offered.external_network.name, "router:external": True}
    for call, body in (
        ("image/v2/images", {"images": images}),
        ("compute/v2.1/flavors/detail", {"flavors": flavours}),
        ("compute/v2.1/os-availability-zone", {"availabilityZoneInfo": zones}),
        ("volume/v3/os-availability-zone", {"availabilityZoneInfo": zones}),
        ("volume/v3/types", {"volume_types": [{"id": name, "name": name} for name in offered.volume_types]}),
        ("network/v2.0/networks", {"networks": [network]}),
    ):
        cloud.usual(f"^GET /{call}$", body)
