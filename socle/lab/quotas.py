"""What the operator's project may use: explicit limits, as on a cloud that is paid for.

For one stack with every tier: at most 20 tiers and 40 nodes, two zones and every feature, a network, a security group
and a server group for each tier, a port for each node and four for each network (router, metadata, load balancer, its
probes). A project holds three such stacks, so that tests stand beside a demonstration. Memory in MiB, volumes in GiB.
"""

from __future__ import annotations

STACKS = 3
ONE_STACK: dict[str, dict[str, int]] = {
    "compute": {"instances": 40, "cores": 60, "ram": 40960, "server_groups": 20, "key_pairs": 3},
    "volume": {"volumes": 25, "gigabytes": 250, "snapshots": 10},
    "network": {
        "network": 20,
        "subnet": 20,
        "port": 120,
        "router": 3,
        "floatingip": 20,
        "security_group": 20,
        "security_group_rule": 600,
    },
    "load_balancer": {"load_balancers": 3, "listeners": 9, "pools": 9, "members": 30, "health_monitors": 9},
}


def of(kind: str) -> dict[str, int]:
    """The project's limits of one service."""
    return {name: count * STACKS for name, count in ONE_STACK[kind].items()}
