"""Private networks, and the two routers that join them: one leads outside, the other does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import ip_network

from pulumi import ComponentResource, InvokeOptions, Output, ResourceOptions
from pulumi_openstack import networking

from infra.components.labels import Labels
from infra.components.options import inside
from socle.topology.derive import FRONT_HOST
from socle.topology.model import Network as Plan
from socle.topology.model import Transit


class Network(ComponentResource):
    """A network with one subnet, or one of IPv6 beside it. `names`: addresses of the resolvers that nodes are given.

    One that the cloud team owns is looked up by its names and left as it is.
    """

    def __init__(self, plan: Plan, names: Sequence[str], labels: Labels, opts: ResourceOptions | None = None) -> None:
        super().__init__("socle:network:Network", f"{plan.name}-network", None, opts)
        self.plan = plan
        if plan.existing:
            asking = InvokeOptions(parent=self)
            known = networking.get_network_output(name=plan.name, opts=asking)
            self.network_id: Output[str] = known.id
            self.subnet_id: Output[str] = networking.get_subnet_output(
                name=plan.existing, network_id=known.id, opts=asking
            ).id
        else:
            self.network_id, self.subnet_id = self._made(plan, names, labels)
        self.subnet6_id = self._public6(plan, labels) if plan.cidr6 else None
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})

    def _made(self, plan: Plan, names: Sequence[str], labels: Labels) -> tuple[Output[str], Output[str]]:
        network = networking.Network(
            plan.name,
            name=plan.name,
            description=labels.description(f"network of {plan.tier}"),
            admin_state_up=True,
            shared=False,
            port_security_enabled=True,
            opts=inside(self),
        )
        text = labels.description(f"subnet of {plan.tier}")
        return network.id, self._subnet("subnet", text, network.id, plan.cidr, plan.gateway, names)

    def _public6(self, plan: Plan, labels: Labels) -> Output[str]:
        """Addresses are fixed and written into each node at its birth: nothing is announced or leased."""
        text = labels.description(f"public IPv6 subnet of {plan.tier}")
        return self._subnet("ipv6-subnet", text, self.network_id, plan.cidr6, plan.gateway6, None)

    def _subnet(
        self, suffix: str, text: str, network: Output[str], cidr: str, gateway: str, names: Sequence[str] | None
    ) -> Output[str]:
        """`names`: the resolvers that its DHCP tells; without any it has none."""
        block, name = ip_network(cidr), f"{self.plan.name}-{suffix}"
        subnet = networking.Subnet(
            name,
            name=name,
            description=text,
            network_id=network,
            cidr=cidr,
            ip_version=block.version,
            gateway_ip=gateway,
            enable_dhcp=names is not None,
            dns_nameservers=None if names is None else list(names),
            # The network's own services take from the pool; nodes have fixed addresses behind it.
            allocation_pools=[{"start": str(block[2]), "end": str(block[FRONT_HOST - 1])}],
            opts=inside(self),
        )
        identity: Output[str] = subnet.id
        return identity


class Routing(ComponentResource):
    """The ways between tiers, and outside for those that have one. `interfaces`, by tier: public addresses and traffic
    need them first.

    The inner router knows the outer one and the stack's own networks, nothing else: a packet from an inner network to
    the Internet has no route, and one from the Internet no way to arrive.
    """

    def __init__(
        self,
        name: str,
        external: str,
        networks: Mapping[str, Network],
        transit: tuple[Transit, Network],
        stack_block: str,
        labels: Labels,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("socle:network:Routing", f"{name}-routing", None, opts)
        # The only question to the cloud: a router takes no external network by name.
        outside = networking.get_network_output(name=external, external=True, opts=InvokeOptions(parent=self))
        joined = {tier: network for tier, network in networks.items() if not network.plan.existing}
        outer = self._router(f"{name}-router", "router that leads outside", labels, outside.id)
        inner = self._router(f"{name}-inner-router", "router of the networks inside", labels, None)
        self.interfaces = {
            tier: self._join(f"{name}-{tier}-interface", inner if network.plan.inner else outer, network.subnet_id)
            for tier, network in joined.items()
        }
        for tier, network in joined.items():
            if network.subnet6_id is not None:
                self._join(f"{name}-{tier}-ipv6-interface", outer, network.subnet6_id)
        self._between(name, outer, inner, transit, labels)
        self._routes(name, outer, inner, transit[0], [n.plan for n in joined.values() if n.plan.inner], stack_block)
        self.register_outputs({"router_id": outer.id, "inner_router_id": inner.id})

    def _router(self, name: str, what: str, labels: Labels, outside: Output[str] | None) -> networking.Router:
        return networking.Router(
            name,
            name=name,
            description=labels.description(what),
            admin_state_up=True,
            external_network_id=outside,
            opts=inside(self),
        )

    def _join(self, name: str, router: networking.Router, subnet: Output[str]) -> networking.RouterInterface:
        return networking.RouterInterface(name, router_id=router.id, subnet_id=subnet, opts=inside(self))

    def _between(
        self,
        name: str,
        outer: networking.Router,
        inner: networking.Router,
        transit: tuple[Transit, Network],
        labels: Labels,
    ) -> None:
        plan, network = transit
        port = networking.Port(
            f"{name}-transit-port",
            name=f"{name}-transit-port",
            description=labels.description("the inner router on the transit network"),
            network_id=network.network_id,
            fixed_ips=[{"subnet_id": network.subnet_id, "ip_address": plan.inner}],
            no_security_groups=True,  # else Neutron would give it the project's default group
            admin_state_up=True,
            opts=inside(self),
        )
        self._joints = [
            self._join(f"{name}-transit-outer", outer, network.subnet_id),
            networking.RouterInterface(f"{name}-transit-inner", router_id=inner.id, port_id=port.id, opts=inside(self)),
        ]

    def _routes(
        self,
        name: str,
        outer: networking.Router,
        inner: networking.Router,
        plan: Transit,
        inside_networks: Sequence[Plan],
        stack_block: str,
    ) -> None:
        rows = [(f"{name}-route-{one.tier}", outer, one.cidr, plan.inner) for one in inside_networks]
        rows.append((f"{name}-route-back", inner, stack_block, plan.network.gateway))
        for route, router, destination, hop in rows:
            networking.RouterRoute(
                route,
                router_id=router.id,
                destination_cidr=destination,
                next_hop=hop,
                opts=inside(self, depends_on=self._joints),
            )
