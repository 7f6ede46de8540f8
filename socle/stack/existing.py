"""What contradicts itself in a stack file about what the ministry's cloud team owns."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from socle.errors import InputError
from socle.messages import _
from socle.stack.cloud import Cloud
from socle.stack.model import Stack
from socle.stack.yaml_marks import Document


def contradictions(stack: Stack, cloud: Cloud, doc: Document) -> Iterator[InputError]:
    """Which tiers there are, and how many nodes they have, is not known here."""
    yield from _blocks(stack, cloud, doc)
    seen: dict[IPv4Address, str] = {}
    for tier, addresses in stack.existing.addresses.items():
        for index, address in enumerate(addresses):
            if address in seen:
                yield InputError(
                    "SOC-4222",
                    "the address is given twice, to {first} and to {second}: {address}",
                    where=doc.mark(("existing", "addresses", tier, index)),
                    first=seen[address],
                    second=tier,
                    address=address,
                )
            seen.setdefault(address, tier)
    zone = stack.existing.zone
    if zone and stack.domain != zone and not stack.domain.endswith(f".{zone}"):
        yield InputError(
            "SOC-4223",
            "the domain {domain} does not lie in the zone: {zone}",
            where=doc.mark(("existing", "zone")),
            domain=stack.domain,
            zone=zone,
        )


def _blocks(stack: Stack, cloud: Cloud, doc: Document) -> Iterator[InputError]:
    known: list[tuple[str, IPv4Network]] = [
        (_("the stack's own block"), stack.network.cidr),
        (_("{cloud}'s external network").format(cloud=stack.cloud), cloud.external_network.cidr),
    ]
    for tier, network in stack.existing.networks.items():
        for what, other in known:
            if network.cidr.overlaps(other):
                yield InputError(
                    "SOC-1201",
                    "the existing network of {tier}, {block}, overlaps {what}: {other}",
                    where=doc.mark(("existing", "networks", tier, "cidr")),
                    tier=tier,
                    block=network.cidr,
                    what=what,
                    other=other,
                )
                break
        known.append((_("the existing network of {tier}").format(tier=tier), network.cidr))
