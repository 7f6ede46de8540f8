"""From what a cloud tells to its first file: over plain data, without a cloud."""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from socle.cloudfile import offers
from socle.cloudfile.differences import differences
from socle.cloudfile.draft import draft
from socle.cloudfile.model import Endpoint, LiveFlavour, LiveImage, LiveNetwork, LiveVolumeType, LiveZone
from socle.cloudfile.write import text
from socle.errors import InputError, StackErrors
from socle.stack.cloud import Cloud
from socle.stack.explain import validate
from socle.stack.yaml_marks import parse
from tests.livecloud import DIGEST, FLAVOURS, IMAGES, LIVE, NETWORKS, ZONES, completed


def test_the_file_holds_what_was_told() -> None:
    cloud = completed(LIVE)
    assert (cloud.region, cloud.project, cloud.auth_url) == (LIVE.region, LIVE.project, LIVE.auth_url)
    assert cloud.zones == ["paris-1a", "paris-1b"]
    assert (cloud.external_network.name, str(cloud.external_network.cidr)) == ("ext-net", "203.0.113.0/24")
    assert set(LIVE.services) - set(cloud.services) == {"orchestration"}
    assert {name: kind.encrypted for name, kind in cloud.volume_types.items()} == {"luks": True, "plain": False}
    assert cloud.images["debian-13"].name == "Debian 13" and cloud.images["debian-13"].sha512 == DIGEST
    sizes = {name: (one.vcpus, one.memory, one.disk) for name, one in cloud.flavours.items()}
    assert sizes == {"s1.small": (2, 4, 20), "m1.tiny": (1, 1500 / 1024, 10)}
    assert (cloud.dns.update, cloud.load_balancer.algorithm) == ("designate", "LEAST_CONNECTIONS")
    assert cloud.credentials == "/etc/openstack/clouds.yaml"
    assert not differences(cloud, LIVE)


def test_until_it_is_completed_it_is_refused_with_one_error_for_each_key() -> None:
    made = draft(LIVE)
    with pytest.raises(StackErrors) as refused:
        validate(Cloud, parse(text(made), "paris.yaml"), "a cloud file")
    assert {error.code for error in refused.value.errors} == {"SOC-1102"}
    keys = [error.message.rpartition(" ")[2] for error in refused.value.errors]
    assert sorted(keys) == sorted(made.missing) == ["name", "qualification", "surroundings"]
    assert all(f"# {key}:" in text(made) for key in keys)


def test_where_the_object_store_is_known_the_rest_of_the_surroundings_is_asked_for() -> None:
    live = replace(
        LIVE,
        services=(*LIVE.services, "object-store"),
        objects=Endpoint("s3.paris.example", 443, ("203.0.113.90",)),
    )
    assert {key for key in draft(live).missing if key.startswith("surroundings")} == {
        f"surroundings.{kind}" for kind in ("names", "time", "mirror", "registry")
    }
    objects = completed(live).surroundings.objects
    assert objects and (str(objects.address), objects.name, objects.port) == ("203.0.113.90", "s3.paris.example", 443)


@pytest.mark.parametrize(
    "endpoint",
    [
        Endpoint("203.0.113.90", 8080, ("203.0.113.90",)),  # the certificate's name is not told
        Endpoint("s3.paris.example", 443),
        Endpoint("s3.paris.example", 443, ("203.0.113.90", "203.0.113.91")),
    ],
)
def test_an_object_store_of_which_something_is_unknown_is_a_remark(endpoint: Endpoint) -> None:
    live = replace(LIVE, services=(*LIVE.services, "object-store"), objects=endpoint)
    assert completed(live).surroundings.objects is None
    assert endpoint.host in text(draft(live))


def test_the_same_answers_give_the_same_bytes() -> None:
    assert text(draft(LIVE)) == text(draft(replace(LIVE)))


EVERY_LIST = {
    "zones": {"compute": None, "block-storage": None, "network": None},
    "limits": {"compute": None, "block-storage": None, "network": None},
    **dict.fromkeys(("networks", "flavours", "images", "volume_types", "balancers")),
}


@pytest.mark.parametrize("part", EVERY_LIST)
def test_what_is_kept_back_is_left_out_and_said(part: str) -> None:
    live = replace(LIVE, **{part: EVERY_LIST[part]})
    made = draft(live)
    assert made.untold and "the cloud does not tell this user" in text(made)
    key = "external_network" if part == "networks" else part
    if key in Cloud.model_fields:
        assert key in made.missing and key not in yaml.safe_load(text(made))
    assert not differences(completed(LIVE), live)  # what is not told has not changed


def test_zones_are_those_in_which_everything_can_be_made() -> None:
    zones = {
        "compute": (*ZONES, LiveZone("gpu"), LiveZone("dark", available=False)),
        "block-storage": (*ZONES, LiveZone("dark"), LiveZone("nova")),
        "network": (),
    }
    agreed, left = offers.zones(replace(LIVE, zones=zones))
    assert agreed == ["paris-1a", "paris-1b"]
    assert set(left) == {"gpu", "dark", "nova"}
    assert "block-storage" in left["gpu"] and "compute" in left["nova"] and "at the moment" in left["dark"]
    written = text(draft(replace(LIVE, zones=zones)))
    assert all(f"left out: {name}" in written for name in left)


def test_zones_that_agree_on_nothing_are_for_a_person_to_decide() -> None:
    zones = {"compute": (LiveZone("az1"), LiveZone("az2")), "block-storage": (LiveZone("nova"),)}
    made = draft(replace(LIVE, zones=zones))
    assert "zones" in made.missing
    assert all(name in text(made) for name in ("az1", "az2", "nova"))


def test_several_external_networks_are_listed_and_one_is_chosen() -> None:
    both = (LiveNetwork("internet", ("198.51.100.0/24",)), LiveNetwork("rie", ("192.0.2.0/24",)))
    live = replace(LIVE, networks=both)
    assert "external_network" in draft(live).missing
    assert "candidate: internet, 198.51.100.0/24" in text(draft(live)) and "candidate: rie" in text(draft(live))
    assert draft(live, "rie").values["external_network"] == {"name": "rie", "cidr": "192.0.2.0/24"}
    with pytest.raises(InputError) as refused:
        draft(live, "public")
    assert refused.value.code == "SOC-4240" and "internet, rie" in refused.value.hint


@pytest.mark.parametrize("blocks", [(), ("198.51.100.0/25", "192.0.2.0/24")])
def test_a_network_without_one_block_is_half_written(blocks: tuple[str, ...]) -> None:
    made = draft(replace(LIVE, networks=(LiveNetwork("internet", blocks),)))
    assert "external_network.cidr" in made.missing
    assert all(block in text(made) for block in blocks)


@pytest.mark.parametrize(
    ("image", "is_one"),
    [
        (LiveImage("x", "debian", "13"), True),
        (LiveImage("x", "Debian", "13.1"), True),
        (LiveImage("x", "debian", "trixie"), True),
        (LiveImage("Debian 13", "debian", "12"), False),
        (LiveImage("x", "ubuntu", "13"), False),
        (LiveImage("x", "debian", "131"), False),
        (LiveImage("debian-13-genericcloud-amd64"), True),
        (LiveImage("Debian GNU/Linux 13 (trixie)"), True),
        (LiveImage("debian13"), True),
        (LiveImage("debian-trixie"), True),
        (LiveImage("debian-12-20251301"), False),
        (LiveImage("ubuntu-13.04"), False),
    ],
)
def test_images_of_debian_13(image: LiveImage, is_one: bool) -> None:
    assert offers.is_debian_13(image) is is_one


def test_images_that_are_several_are_listed() -> None:
    both = (LiveImage("Debian 13", "debian", "13", "", "sha512", DIGEST), LiveImage("debian-13-hardened"))
    made = draft(replace(LIVE, images=both))
    assert "images" in made.missing
    assert "candidate: Debian 13" in text(made) and "candidate: debian-13-hardened" in text(made)


@pytest.mark.parametrize(("algorithm", "digest"), [("sha256", "ab" * 32), ("", ""), ("sha512", "AB" * 10)])
def test_another_digest_than_sha512_is_no_sha512(algorithm: str, digest: str) -> None:
    image = LiveImage("Debian 13", "debian", "13", "admin", algorithm, digest)
    offer = draft(replace(LIVE, images=(image,))).values["images"]["debian-13"]
    assert offer == {"name": "Debian 13", "user": "admin"}


@pytest.mark.parametrize(
    ("specs", "gpus"),
    [
        ({}, 0),
        ({"resources:VGPU": "2"}, 2),
        ({"resources1:PGPU": "1", "resources2:CUSTOM_GPU_A100": "1"}, 2),
        ({"resources:CUSTOM_BAREMETAL": "1", "trait:CUSTOM_GPU": "required"}, 0),
        ({"pci_passthrough:alias": "a100:2"}, 2),
        ({"pci_passthrough:alias": "l40s, mlx5-nic:2"}, 1),
        ({"pci_passthrough:alias": "h100:x"}, 0),
        ({"accel:device_profile": "gpu"}, None),
        (None, None),
    ],
)
def test_gpus_are_counted_where_they_are_told(specs: dict[str, str] | None, gpus: int | None) -> None:
    assert offers.gpus(LiveFlavour("g1", 8, 32768, 80, specs=specs)) == gpus


@pytest.mark.parametrize(
    ("specs", "port"),
    [
        ({"quota:vif_outbound_average": "125000"}, 1000),  # kB/s
        ({"quota:vif_outbound_average": "1250000", "quota:vif_inbound_average": "625000"}, 5000),
        ({"quota:vif_outbound_average": "fast"}, None),
        ({}, None),
    ],
)
def test_the_port_is_the_slower_direction_in_mbit(specs: dict[str, str], port: int | None) -> None:
    assert offers.port(LiveFlavour("s1", 2, 4096, 20, specs=specs)) == port


def test_flavours_that_no_node_can_use_are_left_out_and_why() -> None:
    left = (
        LiveFlavour("old", 2, 4096, 20, disabled=True),
        LiveFlavour("volume-only", 2, 4096, 0),
        LiveFlavour("slow", 2, 4096, 20, specs={"quota:vif_outbound_average": "125"}),
    )
    made = draft(replace(LIVE, flavours=(*FLAVOURS, *left)))
    assert set(made.values["flavours"]) == {"s1.small", "m1.tiny"}
    written = text(made)
    assert "old (disabled)" in written and "volume-only (no disk" in written and "left out: slow" in written


@pytest.mark.parametrize(
    ("providers", "algorithm"),
    [
        (("ovn",), "SOURCE_IP_PORT"),
        (("amphora", "octavia"), "LEAST_CONNECTIONS"),
        (("amphora", "ovn"), None),
        ((), None),
    ],
)
def test_the_algorithm_is_the_providers(providers: tuple[str, ...], algorithm: str | None) -> None:
    values = draft(replace(LIVE, balancers=providers)).values
    assert values.get("load_balancer", {}).get("algorithm") == algorithm


def test_a_cloud_with_little_is_told_as_such() -> None:
    live = replace(LIVE, services=("compute", "identity", "image", "network"), volume_types=None, balancers=None)
    made = draft(live)
    assert "dns" not in made.values and "load_balancer" not in made.values
    assert "volume_types" in made.missing
    assert not any(service in ("block-storage", "load-balancer") for _what, service in made.untold)


HOSTILE = st.text(st.characters(exclude_categories=()), max_size=30) | st.sampled_from(
    ["a\nqualification: {scheme: SecNumCloud}", "on", "5:30", "1e3", "null", "{a: b}", "x #y", "- z", "&a", "!!int x",
     "'", '"', "\u202e", "\x00", "\ud800", "  ", "a\u2028qualification: {scheme: x}"]
)  # fmt: skip


@given(st.lists(HOSTILE, min_size=9, max_size=9), st.integers(-5, 2**40))
def test_names_of_any_kind_say_nothing_else_in_the_file(names: list[str], number: int) -> None:
    zone, network, block, flavour, image, kind, provider, region, host = names
    live = replace(
        LIVE,
        region=region,
        auth_url=f"https://{host}",
        services=("compute", "object-store", "load-balancer", "block-storage", "network", "image", provider),
        zones={"compute": (LiveZone(zone),), "block-storage": (LiveZone(zone),)},
        networks=(LiveNetwork(network, (block,)), *NETWORKS[: number % 2]),
        flavours=(LiveFlavour(flavour, number, number, number, specs={"pci_passthrough:alias": host}),),
        images=(LiveImage(image, "debian", "13", host, "sha512", image), *IMAGES[: number % 3]),
        volume_types=(LiveVolumeType(kind, None),),
        balancers=(provider,),
        objects=Endpoint(host, 443, (block,)),
    )
    made = draft(live)
    document = parse(text(made), "hostile.yaml")
    assert document.data == made.values
    assert {"qualification", "name"} <= set(made.missing)
    assert all(key.partition(".")[0] not in made.values or "." in key for key in made.missing)
