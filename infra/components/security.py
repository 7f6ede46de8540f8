"""Security groups: nothing passes but the openings of the flow matrix."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pulumi import ComponentResource, Input, Output, ResourceOptions
from pulumi_openstack.networking import SecGroup, SecGroupRule

from infra.components.addresses import PublicAddresses
from infra.components.labels import Labels
from infra.components.network import Network
from infra.components.options import inside
from socle.topology.flows import PublicOf
from socle.topology.openings import Opening


class SecurityGroups(ComponentResource):
    """One group per tier, empty: Neutron's own rules (everything may leave) are deleted. `ids`, by tier."""

    def __init__(self, name: str, tiers: Sequence[str], labels: Labels, opts: ResourceOptions | None = None) -> None:
        super().__init__("socle:security:SecurityGroups", name, None, opts)
        self.ids: dict[str, Output[str]] = {}
        for tier in tiers:
            own = f"{labels.stack}-{tier}-group"
            group = SecGroup(
                own,
                name=own,
                description=labels.description(f"security group of tier {tier}"),
                delete_default_rules=True,
                opts=inside(self),
            )
            self.ids[tier] = group.id
        self.register_outputs({"ids": self.ids})


class TierFirewall(ComponentResource):
    """The rules of one tier's group: one per opening; one per address where the remote is public addresses."""

    def __init__(
        self,
        tier: str,
        openings: Sequence[Opening],
        groups: SecurityGroups,
        addresses: PublicAddresses,
        network: Network,
        labels: Labels,
        opts: ResourceOptions | None = None,
    ) -> None:
        prefix = f"{labels.stack}-{tier}"
        super().__init__("socle:security:TierFirewall", f"{prefix}-firewall", None, opts)
        # Networks first. The provider makes a router's interfaces one after another, the longest chain of all; dozens
        # of rules asked for before the subnets would hold it up.
        own = inside(self, depends_on=[network])
        for opening in openings:
            for suffix, group, block in _remotes(opening, groups, addresses):
                SecGroupRule(
                    f"{prefix}-{opening.key}{suffix}",
                    security_group_id=groups.ids[tier],
                    description=labels.description(f"{labels.stack}/{tier}/{opening.key}"),
                    direction=opening.direction,
                    ethertype=opening.family,
                    protocol=opening.protocol,
                    port_range_min=opening.first or None,
                    port_range_max=opening.last or None,
                    remote_group_id=group,
                    remote_ip_prefix=block,
                    opts=own,
                )
        self.register_outputs({})


def _remotes(
    opening: Opening, groups: SecurityGroups, addresses: PublicAddresses
) -> Iterator[tuple[str, Input[str] | None, Input[str] | None]]:
    """Suffix of the rule's name, remote group, remote block."""
    if isinstance(opening.remote, PublicOf):
        for owner in addresses.owners(opening.remote.tier):
            yield f"-{owner}", None, Output.concat(addresses.by_name[owner], "/32")
    elif opening.remote_is_tier:
        yield "", groups.ids[opening.remote], None
    else:
        yield "", None, opening.remote
