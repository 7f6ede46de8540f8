"""One stack's resources, in the order in which they lean on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
from pulumi import Input, ResourceOptions
from pulumi_openstack import Provider
from pulumi_openstack.compute import Keypair

from infra.components.addresses import PublicAddresses
from infra.components.front import Front
from infra.components.labels import Labels
from infra.components.names import Names
from infra.components.network import Network, Routing
from infra.components.objects import Containers
from infra.components.security import SecurityGroups, TierFirewall
from infra.components.tier import Placement, Tier
from socle.stack.cloud import Cloud
from socle.stack.load import LoadedStack
from socle.topology import Topology
from socle.topology.flows import Place
from socle.topology.openings import openings


def deploy(loaded: LoadedStack, topology: Topology) -> None:
    """Registers everything. Reads `socle:sshPublicKey`, the operator's public key. Exports `nodes`, `fronts`,
    `records`."""
    public_key = pulumi.Config("socle").require("sshPublicKey")
    stack, cloud, labels = topology.stack, loaded.cloud, Labels.of(loaded)
    provider = _provider(f"{stack}-cloud", cloud)
    parts = ResourceOptions(providers=[provider])

    key_name = f"{stack}-operator"
    key_opts = ResourceOptions(provider=provider, delete_before_replace=True)
    keypair = Keypair(key_name, name=key_name, public_key=public_key, opts=key_opts)
    networks = _networks(topology, labels, parts)
    between = Network(topology.transit.network, [], labels, parts)
    routing = Routing(
        stack, cloud.external_network.name, networks, (topology.transit, between), topology.cidr, labels, parts
    )
    groups = SecurityGroups(f"{stack}-security-groups", [tier.name for tier in topology.tiers], labels, parts)
    addresses = PublicAddresses(
        f"{stack}-public-addresses", topology.tiers, topology.fronts, cloud.external_network.name, labels, parts
    )

    tiers, placements = [], {}
    for tier in topology.tiers:
        firewall = TierFirewall(
            tier.name, openings(topology, tier.name), groups, addresses, networks[tier.name], labels, parts
        )
        placements[tier.name] = Placement(
            network=networks[tier.name],
            interface=routing.interfaces.get(tier.name),
            fronts=[front for front in topology.fronts if front.tier == tier.name],
            group=groups.ids[tier.name],
            firewall=firewall,
            addresses=addresses,
            image=cloud.images[tier.image],
            group_policy=cloud.server_group_policy,
            key_name=key_name,
            keypair=keypair,
            public_key=public_key,
            domain=topology.domain,
        )
        tiers.append(Tier(tier, placements[tier.name], labels, parts))

    fronts = {
        plan.name: Front(
            plan,
            topology.tier(plan.tier).nodes,
            topology.flows.get("https").port,
            cloud.load_balancer.algorithm,
            placements[plan.tier],
            labels,
            parts,
        )
        for plan in topology.fronts
    }
    records = {record.fqdn: addresses.of(record.tier) for record in topology.records}
    if cloud.dns.update == "designate":
        stack_file = loaded.stack
        both: dict[str, Mapping[str, Sequence[Input[str]]]] = {"A": records, "AAAA": topology.records6}
        Names(topology.domain, stack_file.existing.zone, both, stack_file.certificates.caa, labels, parts)
    if topology.containers:
        Containers(topology.containers, labels, parts)

    pulumi.export("nodes", {name: node for tier in tiers for name, node in tier.nodes.items()})
    pulumi.export("fronts", {name: front.output for name, front in fronts.items()})
    pulumi.export("records", records)


def _networks(topology: Topology, labels: Labels, opts: ResourceOptions) -> dict[str, Network]:
    """Nodes resolve names by the mirror nodes, which themselves ask the organisation's resolver."""
    upstream = [block.partition("/")[0] for block in topology.places[Place.NAMES]]
    mirrors = [node.address for node in topology.tier("mirror").nodes]
    return {
        plan.tier: Network(plan, upstream if plan.tier == "mirror" else mirrors, labels, opts)
        for plan in topology.networks
    }


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
