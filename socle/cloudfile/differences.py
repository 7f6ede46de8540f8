"""How a live cloud differs from its cloud file. Pure.

Only what the file says is looked for: a file may well leave out most of a provider's flavours. What the cloud does not
tell is not compared, which `Draft.untold` lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from socle.cloudfile import offers
from socle.cloudfile.model import LiveCloud, LiveFlavour
from socle.stack.cloud import Cloud, Flavour

Kind = Literal["missing", "changed"]
Values = Mapping[str, Any]
THINGS = (
    "cloud", "zone", "service", "external network", "volume type", "image", "flavour", "load balancer",
)  # fmt: skip


@dataclass(frozen=True)
class Difference:
    """`thing`: one of THINGS. `file`, `live`: the values that differ."""

    kind: Kind
    thing: str
    name: str
    file: Values
    live: Values
    why: str = ""


def differences(cloud: Cloud, live: LiveCloud) -> list[Difference]:
    """In the order of the file's keys."""
    return [
        *_place(cloud, live),
        *_zones(cloud, live),
        *(Difference("missing", "service", one, {}, {}) for one in cloud.services if one not in live.services),
        *_external(cloud, live),
        *_volume_types(cloud, live),
        *_images(cloud, live),
        *_flavours(cloud, live),
        *_balancers(cloud, live),
    ]


def _compared(thing: str, name: str, file: Values, live: Values) -> Iterator[Difference]:
    """The values of which the cloud says something else; it does not tell those that are None."""
    changed = [key for key, told in live.items() if told is not None and told != file[key]]
    if changed:
        yield Difference(
            "changed", thing, name, {key: file[key] for key in changed}, {key: live[key] for key in changed}
        )


def _place(cloud: Cloud, live: LiveCloud) -> Iterator[Difference]:
    file = {"region": cloud.region, "auth_url": _unversioned(cloud.auth_url), "project": cloud.project}
    seen = {"region": live.region, "auth_url": _unversioned(live.auth_url), "project": live.project}
    yield from _compared("cloud", cloud.name, file, seen)


def _unversioned(url: str) -> str:
    """clouds.yaml may name Keystone with or without its version."""
    return url.rstrip("/").removesuffix("/v3")


def _zones(cloud: Cloud, live: LiveCloud) -> Iterator[Difference]:
    agreed, left = offers.zones(live)
    if agreed or left:
        for one in cloud.zones:
            if one not in agreed:
                yield Difference("missing", "zone", one, {}, {}, left.get(one, ""))


def _external(cloud: Cloud, live: LiveCloud) -> Iterator[Difference]:
    if live.networks is None:
        return
    network = cloud.external_network
    named = [one for one in live.networks if one.name == network.name]
    if not named:
        yield Difference("missing", "external network", network.name, {}, {})
    elif blocks := sorted({block for one in named for block in one.blocks}):
        here = str(network.cidr)
        yield from _compared("external network", network.name, {"cidr": here}, {"cidr": _one(blocks, here)})


def _one(found: list[str], wanted: str) -> str:
    return wanted if wanted in found else ", ".join(found)


def _volume_types(cloud: Cloud, live: LiveCloud) -> Iterator[Difference]:
    if live.volume_types is None:
        return
    found = {one.name: one for one in live.volume_types}
    for name, kind in cloud.volume_types.items():
        if name in found:
            seen = {"encrypted": found[name].encrypted}
            yield from _compared("volume type", name, {"encrypted": kind.encrypted}, seen)
        else:
            yield Difference("missing", "volume type", name, {}, {})


def _images(cloud: Cloud, live: LiveCloud) -> Iterator[Difference]:
    if live.images is None:
        return
    for offer in cloud.images.values():
        named = [one for one in live.images if one.name == offer.name]
        if not named:
            yield Difference("missing", "image", offer.name, {}, {})
        elif len(named) > 1:  # which of them a node starts from is nobody's decision
            yield Difference("changed", "image", offer.name, {"images": 1}, {"images": len(named)})
        elif offer.sha512:
            seen = {"sha512": offers.sha512(named)}
            yield from _compared("image", offer.name, {"sha512": offer.sha512}, seen)


def _flavours(cloud: Cloud, live: LiveCloud) -> Iterator[Difference]:
    if live.flavours is None:
        return
    found = {one.name: one for one in live.flavours}
    for name, flavour in cloud.flavours.items():
        if name not in found:
            yield Difference("missing", "flavour", name, {}, {})
        elif found[name].disabled:
            yield Difference("missing", "flavour", name, {}, {}, "disabled")
        else:
            yield from _compared("flavour", name, flavour.model_dump(), _sizes(found[name], flavour))


def _sizes(one: LiveFlavour, written: Flavour) -> Values:
    """Memory that differs by less than a MiB is a rounded number of the file."""
    same = abs(written.memory * offers.MIB - one.ram) < 1
    return {
        "vcpus": one.vcpus,
        "memory": written.memory if same else offers.memory(one),
        "disk": one.disk,
        "port": offers.port(one),
        "gpus": offers.gpus(one),
    }


def _balancers(cloud: Cloud, live: LiveCloud) -> Iterator[Difference]:
    if cloud.offers("load-balancer") and (told := offers.algorithm(live)):
        ours = cloud.load_balancer.algorithm
        fits = (ours == "SOURCE_IP_PORT") == (told == "SOURCE_IP_PORT")
        seen = {"algorithm": ours if fits else told}
        yield from _compared("load balancer", ", ".join(live.balancers or ()), {"algorithm": ours}, seen)
