"""What single offers of a live cloud mean in the terms of a cloud file. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from socle.cloudfile.model import LiveCloud, LiveFlavour, LiveImage

MIB = 1024  # in a GiB
# Extra specs that give GPUs: as resources of placement, in numbered groups too, and as PCI devices, whose alias the
# provider names as it likes (docs.openstack.org/nova, "Extra Specs").
_RESOURCE = re.compile(r"resources\w*:(VGPU|PGPU|CUSTOM_\w*GPU\w*)")
_ALIAS = "pci_passthrough:alias"
_OTHER_DEVICE = re.compile(r"nic|vf|eth|mlx|connectx|sriov|qat|fpga|nvme|ssd|hsm", re.IGNORECASE)
_VERSION = re.compile(r"13(?!\d)|trixie")
_NAME = re.compile(r"debian[^a-z0-9]*(gnu[^a-z0-9]*linux[^a-z0-9]*)?(13(?!\d)|trixie)")
_PROFILE = "accel:device_profile"  # Cyborg's: a device of some kind, and nothing of how many
# Nova's limits of a port, in kB/s as libvirt takes them, and what makes Mbit/s of them.
_PORT = ("quota:vif_outbound_average", "quota:vif_inbound_average")
_KB_TO_MBIT = 8 / 1000


def memory(flavour: LiveFlavour) -> float:
    """GiB; a whole number as such."""
    gib = flavour.ram / MIB
    return int(gib) if gib.is_integer() else gib


def gpus(flavour: LiveFlavour) -> int | None:
    """How many the extra specs give; None where they do not tell."""
    if flavour.specs is None or _PROFILE in flavour.specs:
        return None
    count = sum(_number(value) for key, value in flavour.specs.items() if _RESOURCE.fullmatch(key))
    return count + sum(number for name, number in _devices(flavour.specs) if not _OTHER_DEVICE.search(name))


def gpu_aliases(flavour: LiveFlavour) -> list[str]:
    """Of PCI devices that are counted as GPUs because their name says nothing else."""
    return [name for name, _count in _devices(flavour.specs or {}) if not _OTHER_DEVICE.search(name)]


def _devices(specs: Mapping[str, str]) -> Iterator[tuple[str, int]]:
    """`a100:2,nic:1`; without a number it is one."""
    for one in filter(None, (part.strip() for part in specs.get(_ALIAS, "").split(","))):
        name, _colon, number = one.partition(":")
        yield name, _number(number or "1")


def port(flavour: LiveFlavour) -> int | None:
    """Mbit/s in the slower direction; None where the extra specs do not tell."""
    limits = [_number((flavour.specs or {}).get(key, "")) for key in _PORT]
    told = [limit for limit in limits if limit]
    return round(min(told) * _KB_TO_MBIT) if told else None


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 else 0


def is_debian_13(image: LiveImage) -> bool:
    """By what its owner said of it; by its name where they said nothing."""
    if image.distribution:
        return image.distribution.lower() == "debian" and _VERSION.match(image.version.lower()) is not None
    return _NAME.search(image.name.lower()) is not None


def sha512(images: Iterable[LiveImage]) -> str | None:
    """The digest, in the only form that a cloud file takes, of the only image."""
    found = [image.digest for image in images if image.algorithm == "sha512"]
    return found[0] if len(found) == 1 and re.fullmatch("[0-9a-f]{128}", found[0]) else None


def zones(live: LiveCloud) -> tuple[list[str], dict[str, str]]:
    """Those in which every service that has zones can make something, and why others are left out, by name.

    A service that keeps its zones back, or knows none, has no say.
    """
    by_service = {service: {one.name: one for one in told} for service, told in live.zones.items() if told}
    agreed: list[str] = []
    left: dict[str, str] = {}
    for name in sorted({name for known in by_service.values() for name in known}):
        without = [service for service, known in by_service.items() if name not in known]
        down = [service for service, known in by_service.items() if name in known and not known[name].available]
        if without or down:
            reasons = [f"no zone of {service}" for service in without]
            left[name] = "; ".join([*reasons, *(f"not available in {service} at the moment" for service in down)])
        else:
            agreed.append(name)
    return agreed, left


def algorithm(live: LiveCloud) -> str | None:
    """What every provider of load balancers knows (docs.openstack.org/octavia, "Provider Feature Matrix").

    None where providers differ, since which one is the default is not told, or where they are not told.
    """
    kinds = {"SOURCE_IP_PORT" if name == "ovn" else "LEAST_CONNECTIONS" for name in live.balancers or ()}
    return kinds.pop() if len(kinds) == 1 else None
