"""Private networks, and the router that joins them and leads outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from pulumi import ComponentResource, InvokeOptions, Output, ResourceOptions
from pulumi_openstack import networking

from infra.components.labels import Labels
from infra.components.options import inside
from socle.topology.derive import FIRST_HOST
from socle.topology.model import Network as Plan


class Network(ComponentResource):
    """One tier's network, with one subnet. `names`: addresses of the resolvers that nodes are given."""

    def __init__(self, plan: Plan, names: Sequence[str], labels: Labels, opts: ResourceOptions | None = None) -> None:
        super().__init__("socle:network:Network", f"{plan.name}-network", None, opts)
        block = ip_network(plan.cidr)
        network = networking.Network(
            plan.name,
            name=plan.name,
            description=labels.description(f"network of tier {plan.tier}"),
            admin_state_up=True,
            shared=False,
            port_security_enabled=True,
            opts=inside(self),
        )
        subnet = networking.Subnet(
            f"{plan.name}-subnet",
            name=f"{plan.name}-subnet",
            description=labels.description(f"subnet of tier {plan.tier}"),
            network_id=network.id,
            cidr=plan.cidr,
            ip_version=4,
            gateway_ip=plan.gateway,
            enable_dhcp=True,
            dns_nameservers=list(names),
            # The network's own services take from the pool; nodes have fixed addresses behind it.
            allocation_pools=[{"start": str(block[2]), "end": str(block[FIRST_HOST - 1])}],
            opts=inside(self),
        )
        self.network_id: Output[str] = network.id
        self.subnet_id: Output[str] = subnet.id
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})


class Router(ComponentResource):
    """The way between tiers and outside; `interfaces`, by tier: public addresses and traffic need them first."""

    def __init__(
        self,
        name: str,
        external: str,
        networks: Mapping[str, Network],
        labels: Labels,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("socle:network:Router", f"{name}-routing", None, opts)
        # The only question to the cloud: a router takes no external network by name.
        outside = networking.get_network_output(name=external, external=True, opts=InvokeOptions(parent=self))
        router = networking.Router(
            name,
            name=name,
            description=labels.description("router of all tiers"),
            admin_state_up=True,
            external_network_id=outside.id,
            opts=inside(self),
        )
        self.interfaces = {
            tier: networking.RouterInterface(
                f"{name}-{tier}", router_id=router.id, subnet_id=network.subnet_id, opts=inside(self)
            )
            for tier, network in networks.items()
        }
        self.register_outputs({"router_id": router.id})
