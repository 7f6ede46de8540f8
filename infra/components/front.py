"""One address before all nodes of a tier: the cloud's load balancer, or an address that the nodes share among them."""

from __future__ import annotations

from collections.abc import Sequence

from pulumi import ComponentResource, Output, ResourceOptions
from pulumi_openstack import loadbalancer, networking

from infra.components.labels import Labels
from infra.components.options import inside
from infra.components.tier import Placement
from socle.topology.model import Front as Plan
from socle.topology.model import Node

# our values: a dead node is out of the rotation within 20 seconds, and a slow answer is not yet a dead one
PROBE = {"delay": 5, "timeout": 4, "max_retries": 2, "max_retries_down": 3}


class Front(ComponentResource):
    """`port`: on which the tier's users arrive. `placement`: of the tier. `output`: the stack's output."""

    def __init__(
        self,
        plan: Plan,
        nodes: Sequence[Node],
        port: int,
        algorithm: str,
        placement: Placement,
        labels: Labels,
        opts: ResourceOptions | None = None,
    ) -> None:
        super().__init__("socle:network:Front", plan.name, None, opts)
        self._plan, self._labels = plan, labels
        self._network, self._group = placement.network, placement.group
        balanced = plan.way == "load-balancer"
        door = self._load_balancer(nodes, port, algorithm) if balanced else self._virtual_address()
        interface, address = placement.interface, placement.addresses.by_name[plan.name]
        networking.FloatingIpAssociate(
            f"{plan.name}-association",
            floating_ip=address,
            port_id=door,
            opts=inside(self, depends_on=[interface] if interface else []),
        )
        self.output = {"tier": plan.tier, "address": plan.address, "floating_address": address}
        self.register_outputs(self.output)

    def _load_balancer(self, nodes: Sequence[Node], port: int, algorithm: str) -> Output[str]:
        """Connections are passed on as they are: TLS ends on the nodes, whose certificate and rules apply."""
        name, labels = self._plan.name, self._labels
        balancer = loadbalancer.LoadBalancer(
            f"{name}-balancer",
            name=f"{name}-balancer",
            description=labels.description(f"front of tier {self._plan.tier}"),
            vip_subnet_id=self._network.subnet_id,
            vip_address=self._plan.address,
            security_group_ids=[self._group],  # else its port is in the project's default group
            tags=labels.tags(f"front of {self._plan.tier}"),
            admin_state_up=True,
            opts=inside(self),
        )
        listener = loadbalancer.Listener(
            f"{name}-listener",
            name=f"{name}-listener",
            description=labels.description("TLS, passed on"),
            loadbalancer_id=balancer.id,
            protocol="TCP",
            protocol_port=port,
            admin_state_up=True,
            opts=inside(self),
        )
        pool = loadbalancer.Pool(
            f"{name}-pool",
            name=f"{name}-pool",
            description=labels.description(f"nodes of tier {self._plan.tier}"),
            listener_id=listener.id,
            protocol="TCP",
            lb_method=algorithm,
            admin_state_up=True,
            opts=inside(self),
        )
        members = loadbalancer.Members(
            f"{name}-members",
            pool_id=pool.id,
            members=[
                {
                    "name": node.name,
                    "address": node.address,
                    "protocol_port": port,
                    "subnet_id": self._network.subnet_id,
                    "weight": 1,
                    "admin_state_up": True,
                }
                for node in nodes
            ],
            opts=inside(self),
        )
        loadbalancer.Monitor(
            f"{name}-monitor",
            name=f"{name}-monitor",
            pool_id=pool.id,
            type="TCP",
            admin_state_up=True,
            **PROBE,
            opts=inside(self, depends_on=[members]),
        )
        door: Output[str] = balancer.vip_port_id
        return door

    def _virtual_address(self) -> Output[str]:
        """A port that no machine has: it keeps the address free, and the nodes' own ports may answer to it."""
        port = networking.Port(
            f"{self._plan.name}-port",
            name=f"{self._plan.name}-port",
            description=self._labels.description(f"address that the nodes of {self._plan.tier} share"),
            network_id=self._network.network_id,
            fixed_ips=[{"subnet_id": self._network.subnet_id, "ip_address": self._plan.address}],
            security_group_ids=[self._group],
            port_security_enabled=True,
            admin_state_up=True,
            opts=inside(self),
        )
        identity: Output[str] = port.id
        return identity
