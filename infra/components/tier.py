"""The nodes of one tier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_openstack import blockstorage, compute, networking

from infra.components.addresses import PublicAddresses
from infra.components.cloud_init import user_data
from infra.components.labels import Labels
from infra.components.network import Network
from infra.components.options import inside
from infra.components.security import TierFirewall
from socle.stack.cloud import ImageOffer
from socle.topology.model import Front, Node
from socle.topology.model import Tier as Plan

# Given to a node when it is made. Changed later (a rebuilt image, another operator's key) they would have the provider
# destroy it, with the calls it carries. A node gets the new ones when its replacement is asked for.
AT_BIRTH = ["image_id", "image_name", "key_pair", "user_data"]


@dataclass(frozen=True)
class Placement:
    """Where the nodes go and what they are made from."""

    network: Network
    interface: networking.RouterInterface | None
    fronts: Sequence[Front]
    group: Output[str]
    firewall: TierFirewall
    addresses: PublicAddresses
    image: ImageOffer
    group_policy: str
    key_name: str
    keypair: compute.Keypair
    public_key: str
    domain: str


class Tier(ComponentResource):
    """The identical nodes that do one job: server group, ports, volumes, instances. `nodes`: the stack's output."""

    def __init__(self, plan: Plan, placement: Placement, labels: Labels, opts: ResourceOptions | None = None) -> None:
        super().__init__("socle:tier:Tier", f"{labels.stack}-{plan.name}-tier", None, opts)
        self._plan, self._placement, self._labels = plan, placement, labels
        self._hints = self._server_group()
        self.nodes = {node.name: self._node(node) for node in plan.nodes}
        self.register_outputs({"nodes": self.nodes})

    def _server_group(self) -> list[dict[str, Any]]:
        """Nodes on different machines. The first has the group while it is alone: it could not join one later."""
        name = f"{self._labels.stack}-{self._plan.name}-server-group"
        policy = self._placement.group_policy
        group = compute.ServerGroup(name, name=name, policies=policy, opts=inside(self))
        return [{"group": group.id}]

    def _node(self, node: Node) -> dict[str, Any]:
        port = self._port(node)
        instance = self._instance(node, port)
        return {
            "name": node.name,
            "tier": node.tier,
            "zone": node.zone,
            "address": node.address,
            "floating_address": self._public_address(node, port),
            "instance_id": instance.id,
            "volume_id": self._volume(node, instance),
        }

    def _port(self, node: Node) -> networking.Port:
        network = self._placement.network
        return networking.Port(
            f"{node.name}-port",
            name=f"{node.name}-port",
            description=self._labels.description(node.name),
            network_id=network.network_id,
            fixed_ips=[
                {"subnet_id": network.subnet_id, "ip_address": node.address},
                *([{"subnet_id": network.subnet6_id, "ip_address": node.address6}] if node.address6 else []),
            ],
            security_group_ids=[self._placement.group],
            port_security_enabled=True,
            allowed_address_pairs=self._shared() or None,
            admin_state_up=True,
            # The provider would give the port another address in place, which the node never learns of, and which waits
            # for ever where the subnet itself is replaced.
            opts=inside(self, replace_on_changes=["fixed_ips"]),
        )

    def _shared(self) -> list[dict[str, str]]:
        """Addresses that the nodes of a tier pass on among themselves."""
        return [{"ip_address": one.address} for one in self._placement.fronts if one.way == "virtual-address"]

    def _instance(self, node: Node, port: networking.Port) -> compute.Instance:
        placement = self._placement
        return compute.Instance(
            node.name,
            name=node.name,
            flavor_name=self._plan.flavour,
            image_name=placement.image.name,
            availability_zone=node.zone,
            networks=[{"port": port.id}],
            scheduler_hints=self._hints,
            key_pair=placement.key_name,  # as text: a reference would have every node replaced with the key
            config_drive=True,
            user_data=user_data(node.name, placement.domain, placement.image.user, placement.public_key),
            metadata=self._labels.metadata(node.tier, self._plan.title),
            # Without its rules a node is given no address at boot. It needs no router yet: nothing is fetched at boot.
            opts=inside(self, ignore_changes=AT_BIRTH, depends_on=[placement.firewall, placement.keypair]),
        )

    def _public_address(self, node: Node, port: networking.Port) -> Output[str] | None:
        address = self._placement.addresses.by_name.get(node.name)
        interface = self._placement.interface
        if address is not None:
            networking.FloatingIpAssociate(
                f"{node.name}-association",
                floating_ip=address,
                port_id=port.id,
                opts=inside(self, depends_on=[interface] if interface else []),
            )
        return address

    def _volume(self, node: Node, instance: compute.Instance) -> Output[str] | None:
        if node.volume is None:
            return None
        volume = blockstorage.Volume(
            node.volume.name,
            name=node.volume.name,
            description=self._labels.description(f"data of {node.name}"),
            size=node.volume.size,
            volume_type=node.volume.kind,
            availability_zone=node.zone,
            enable_online_resize=True,
            metadata=self._labels.metadata(node.tier, f"data of {node.name}"),
            opts=inside(self, protect=True),
        )
        compute.VolumeAttach(
            f"{node.volume.name}-attachment",
            instance_id=instance.id,
            volume_id=volume.id,
            opts=inside(self),
        )
        identity: Output[str] = volume.id
        return identity
