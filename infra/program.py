"""One stack's resources, in the order in which they lean on each other."""

from __future__ import annotations

import pulumi
from pulumi import ResourceOptions
from pulumi_openstack import Provider
from pulumi_openstack.compute import Keypair

from infra.components.addresses import PublicAddresses
from infra.components.labels import Labels
from infra.components.network import Network, Router
from infra.components.security import SecurityGroups, TierFirewall
from infra.components.tier import Placement, Tier
from socle.stack.cloud import Cloud
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.flows import Place
from socle.topology.openings import openings


def deploy(loaded: LoadedStack, topology: Topology) -> None:
    """Registers everything. Reads `socle:sshPublicKey`, the operator's public key; exports `nodes` and `records`."""
    public_key = pulumi.Config("socle").require("sshPublicKey")
    stack, cloud, labels = topology.stack, loaded.cloud, Labels.of(loaded)
    provider = _provider(f"{stack}-cloud", cloud)
    parts = ResourceOptions(providers=[provider])

    key_name = f"{stack}-operator"
    key_opts = ResourceOptions(provider=provider, delete_before_replace=True)
    keypair = Keypair(key_name, name=key_name, public_key=public_key, opts=key_opts)
    names = [block.partition("/")[0] for block in topology.places[Place.NAMES]]
    networks = {network.tier: Network(network, names, labels, parts) for network in topology.networks}
    router = Router(f"{stack}-router", cloud.external_network.name, networks, labels, parts)
    groups = SecurityGroups(f"{stack}-security-groups", [tier.name for tier in topology.tiers], labels, parts)
    addresses = PublicAddresses(f"{stack}-public-addresses", topology.tiers, cloud.external_network.name, labels, parts)

    tiers = []
    for tier in topology.tiers:
        firewall = TierFirewall(
            tier.name, openings(topology, tier.name), groups, addresses, networks[tier.name], labels, parts
        )
        placement = Placement(
            network=networks[tier.name],
            interface=router.interfaces[tier.name],
            group=groups.ids[tier.name],
            firewall=firewall,
            addresses=addresses,
            image=cloud.images[tier.image],
            volume_type=cloud.volume_types[0],
            group_policy=cloud.server_group_policy,
            key_name=key_name,
            keypair=keypair,
            public_key=public_key,
            domain=topology.domain,
        )
        tiers.append(Tier(tier, placement, labels, parts))

    pulumi.export("nodes", {name: node for tier in tiers for name, node in tier.nodes.items()})
    pulumi.export("records", {record.fqdn: addresses.of(record.tier) for record in topology.records})


def _provider(name: str, cloud: Cloud) -> Provider:
    """Where to deploy is in the cloud file; who deploys (user or application credential) is in OS_* variables.

    An application credential names its project itself, and the plugin then leaves `tenant_name` out of its request.
    What the SDK would fill in from the caller's environment is written out: the same plan for everyone.
    """
    return Provider(
        name,
        auth_url=cloud.auth_url,
        region=cloud.region,
        tenant_name=cloud.project,
        cacert_file=cloud.ca_certificate,
        cloud="",
        endpoint_type="public",
        insecure=False,
        allow_reauth=True,
        delayed_auth=True,
        swauth=False,
    )
