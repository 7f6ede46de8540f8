"""Public addresses. They come first, since firewalls of other tiers name them, and they outlive their nodes."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_openstack.networking import FloatingIp

from infra.components.labels import Labels
from infra.components.options import inside
from socle.topology.model import Tier


class PublicAddresses(ComponentResource):
    """One floating address per node of the public tiers. Protected: DNS and other networks' filters name them."""

    def __init__(
        self, name: str, tiers: Sequence[Tier], pool: str, labels: Labels, opts: ResourceOptions | None = None
    ) -> None:
        super().__init__("socle:network:PublicAddresses", name, None, opts)
        self.by_node: dict[str, Output[str]] = {}
        self._tiers: dict[str, list[str]] = {}
        for tier in (tier for tier in tiers if tier.public):
            self._tiers[tier.name] = [node.name for node in tier.nodes]
            for node in tier.nodes:
                floating = FloatingIp(
                    f"{node.name}-public",
                    pool=pool,
                    description=labels.description(node.name),
                    tags=labels.tags(f"public address of {node.name}"),
                    opts=inside(self, protect=True),
                )
                self.by_node[node.name] = floating.address
        self.register_outputs({"addresses": self.by_node})

    def nodes_of(self, tier: str) -> list[str]:
        return self._tiers.get(tier, [])

    def of(self, tier: str) -> list[Output[str]]:
        """The tier's public addresses, in the order of its nodes."""
        return [self.by_node[node] for node in self.nodes_of(tier)]
