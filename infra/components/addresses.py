"""Public addresses. They come first, since firewalls of other tiers name them, and they outlive their nodes."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_openstack.networking import FloatingIp

from infra.components.labels import Labels
from infra.components.options import inside
from socle.topology.model import Front, Tier


class PublicAddresses(ComponentResource):
    """One floating address per node that users reach, or per front. Protected: names and other networks' filters hold
    them. One that the cloud team gave is taken as it is. `by_name`: of a node, or of a front."""

    def __init__(
        self,
        name: str,
        tiers: Sequence[Tier],
        fronts: Sequence[Front],
        pool: str,
        labels: Labels,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("socle:network:PublicAddresses", name, None, opts)
        self.by_name: dict[str, Output[str]] = {}
        self._tiers: dict[str, list[str]] = {}
        of_nodes = [
            (tier.name, node.name, node.public)
            for tier in tiers
            if tier.public and not tier.fronted
            for node in tier.nodes
        ]
        for tier, owner, given in [*((front.tier, front.name, front.public) for front in fronts), *of_nodes]:
            self._tiers.setdefault(tier, []).append(owner)
            self.by_name[owner] = Output.from_input(given) if given else self._made(owner, pool, labels)
        self.register_outputs({"addresses": self.by_name})

    def _made(self, owner: str, pool: str, labels: Labels) -> Output[str]:
        address: Output[str] = FloatingIp(
            f"{owner}-public",
            pool=pool,
            description=labels.description(owner),
            tags=labels.tags(f"public address of {owner}"),
            opts=inside(self, protect=True),
        ).address
        return address

    def owners(self, tier: str) -> list[str]:
        """Who has the tier's public addresses: its front, or its nodes in their order."""
        return self._tiers.get(tier, [])

    def of(self, tier: str) -> list[Output[str]]:
        return [self.by_name[owner] for owner in self.owners(tier)]
