"""What has changed on a cloud since its file was written: over plain data, without a cloud."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from socle.cloudfile.differences import differences
from socle.cloudfile.draft import draft
from socle.cloudfile.model import LiveCloud, LiveFlavour, LiveImage, LiveNetwork, LiveVolumeType, LiveZone
from socle.stack.cloud import Cloud
from tests.conftest import ROOT
from tests.livecloud import FLAVOURS, IMAGES, LIVE, ZONES, completed

GONE = {
    "zones": ("zone", "paris-1b", {"zones": {"compute": ZONES[:1], "block-storage": ZONES, "network": ZONES}}),
    "service": ("service", "dns", {"services": tuple(one for one in LIVE.services if one != "dns")}),
    "network": ("external network", "ext-net", {"networks": (LiveNetwork("other"),)}),
    "volume type": ("volume type", "luks", {"volume_types": (LiveVolumeType("plain", False),)}),
    "image": ("image", "Debian 13", {"images": ()}),
    "flavour": ("flavour", "m1.tiny", {"flavours": FLAVOURS[:1]}),
    "disabled": (
        "flavour",
        "s1.small",
        {"flavours": (LiveFlavour("s1.small", 2, 4096, 20, disabled=True), *FLAVOURS[1:])},
    ),
}


@pytest.mark.parametrize("case", GONE)
def test_what_is_gone(case: str) -> None:
    thing, name, change = GONE[case]
    (found,) = differences(completed(LIVE), replace(LIVE, **change))
    assert (found.kind, found.thing, found.name) == ("missing", thing, name)


def flavours(**sizes: Any) -> dict[str, Any]:
    first, *others = FLAVOURS
    return {"flavours": (replace(first, **sizes), *others)}


CHANGED = {
    "region": (completed(LIVE), {"region": "paris-2"}, {"region": "paris-2"}),
    "project": (completed(LIVE), {"project": "other"}, {"project": "other"}),
    "block": (completed(LIVE), {"networks": (LiveNetwork("ext-net", ("192.0.2.0/24",)),)}, {"cidr": "192.0.2.0/24"}),
    "encryption": (
        completed(LIVE),
        {"volume_types": (LiveVolumeType("luks", False), LiveVolumeType("plain", False))},
        {"encrypted": False},
    ),
    "digest": (
        completed(LIVE),
        {"images": (LiveImage("Debian 13", "debian", "13", "", "sha512", "cd" * 64),)},
        {"sha512": "cd" * 64},
    ),
    "twice": (completed(LIVE), {"images": (IMAGES[1],) * 2}, {"images": 2}),
    "sizes": (completed(LIVE), flavours(ram=8192, vcpus=4), {"vcpus": 4, "memory": 8}),
    "gpus": (completed(LIVE), flavours(specs={"resources:VGPU": "1"}), {"gpus": 1}),
    "port": (completed(LIVE), flavours(specs={"quota:vif_outbound_average": "1250000"}), {"port": 10_000}),
    "balancer": (completed(LIVE), {"balancers": ("ovn",)}, {"algorithm": "SOURCE_IP_PORT"}),
}


@pytest.mark.parametrize("case", CHANGED)
def test_what_has_changed(case: str) -> None:
    cloud, change, live = CHANGED[case]
    (found,) = differences(cloud, replace(LIVE, **change))
    assert (found.kind, dict(found.live)) == ("changed", live)
    assert found.file.keys() == found.live.keys() and found.file != found.live


@pytest.mark.parametrize(
    "change",
    [
        {"flavours": (*FLAVOURS, LiveFlavour("new", 64, 2**18, 100))},
        {"zones": {service: (*ZONES, LiveZone("paris-1c")) for service in LIVE.zones}},
        {"services": (*LIVE.services, "key-manager")},
        {"auth_url": "https://identity.paris.example:5000"},
        {"volume_types": (LiveVolumeType("luks"), LiveVolumeType("plain"))},
        flavours(specs=None),
    ],
)
def test_what_is_new_or_not_told_is_no_difference(change: dict[str, Any]) -> None:
    assert not differences(completed(LIVE), replace(LIVE, **change))


def test_memory_rounded_in_the_file_is_the_same() -> None:
    cloud = completed(LIVE)
    rounded = cloud.flavours["m1.tiny"].model_copy(update={"memory": 1.4648})
    assert not differences(cloud.model_copy(update={"flavours": {"m1.tiny": rounded}}), LIVE)


def test_every_cloud_file_of_the_house_is_its_own_live_cloud(shipped: tuple[Cloud, LiveCloud]) -> None:
    cloud, live = shipped
    assert not differences(cloud, live)
    assert draft(live).values["zones"] == sorted(cloud.zones)


@pytest.fixture(params=sorted(path.stem for path in (ROOT / "stacks" / "clouds").glob("*.yaml")))
def shipped(request: pytest.FixtureRequest) -> tuple[Cloud, LiveCloud]:
    from socle.stack.load import load_cloud

    cloud = load_cloud(request.param)
    zones = tuple(LiveZone(name) for name in cloud.zones)
    return cloud, replace(
        LIVE,
        region=cloud.region,
        auth_url=cloud.auth_url,
        project=cloud.project,
        services=tuple(cloud.services),
        zones={"compute": zones, "block-storage": zones},
        networks=(LiveNetwork(cloud.external_network.name, (str(cloud.external_network.cidr),)),),
        flavours=tuple(
            LiveFlavour(
                name,
                one.vcpus,
                round(one.memory * 1024),
                one.disk,
                specs={"resources:VGPU": str(one.gpus), "quota:vif_outbound_average": str(one.port * 125)},
            )
            for name, one in cloud.flavours.items()
        ),
        images=tuple(LiveImage(one.name, "debian", "13") for one in cloud.images.values()),
        volume_types=tuple(LiveVolumeType(name, one.encrypted) for name, one in cloud.volume_types.items()),
        balancers=("ovn",) if cloud.load_balancer.algorithm == "SOURCE_IP_PORT" else ("amphora",),
    )
