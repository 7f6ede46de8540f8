"""A graph in the shape of `terraform show -json`, for tools that read Terraform plans (checkov, as a second opinion).

What such a reader needs: a reference as an expression and not as a value, a secret as a sensitive variable, an address
that is its own, one-item blocks as lists.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from socle.graph import model
from socle.graph.model import SECRET, UNKNOWN, Graph, Ref, Resource

PROVIDER = "registry.terraform.io/terraform-provider-openstack/openstack"

# Only what the program registers; the Terraform provider's own names.
TYPES = {
    model.NETWORK: "openstack_networking_network_v2",
    model.SUBNET: "openstack_networking_subnet_v2",
    model.ROUTER: "openstack_networking_router_v2",
    model.ROUTER_INTERFACE: "openstack_networking_router_interface_v2",
    model.ROUTER_ROUTE: "openstack_networking_router_route_v2",
    model.PORT: "openstack_networking_port_v2",
    model.FLOATING_IP: "openstack_networking_floatingip_v2",
    model.FLOATING_IP_ASSOCIATE: "openstack_networking_floatingip_associate_v2",
    model.SECURITY_GROUP: "openstack_networking_secgroup_v2",
    model.SECURITY_GROUP_RULE: "openstack_networking_secgroup_rule_v2",
    model.INSTANCE: "openstack_compute_instance_v2",
    model.SERVER_GROUP: "openstack_compute_servergroup_v2",
    model.KEYPAIR: "openstack_compute_keypair_v2",
    model.VOLUME: "openstack_blockstorage_volume_v3",
    model.VOLUME_ATTACH: "openstack_compute_volume_attach_v2",
    model.LOAD_BALANCER: "openstack_lb_loadbalancer_v2",
    model.LISTENER: "openstack_lb_listener_v2",
    model.POOL: "openstack_lb_pool_v2",
    model.MEMBERS: "openstack_lb_members_v2",
    model.MONITOR: "openstack_lb_monitor_v2",
    model.ZONE: "openstack_dns_zone_v2",
    model.RECORD_SET: "openstack_dns_recordset_v2",
    model.CONTAINER: "openstack_objectstorage_container_v1",
}
# Where the SDK's plural is Terraform's block name in the singular.
SINGULAR = {"networks": "network", "fixed_ips": "fixed_ip", "allocation_pools": "allocation_pool",
            "members": "member"}  # fmt: skip
ONE_ITEM = {model.SERVER_GROUP: {"policies"}}  # text in the SDK, a list in Terraform
HIDDEN = "(sensitive)"


def plan(graph: Graph) -> dict[str, Any]:
    """The plan file's content. Components are left out: they are no resources of the cloud."""
    shown = [one for one in graph if one.type in TYPES]
    addresses = {one.name: address(graph, one) for one in shown}
    planned, changes, written = [], [], []
    for one in shown:
        row = {"address": addresses[one.name], "mode": "managed", "type": TYPES[one.type], "name": _label(graph, one)}
        inputs = dict(_terraform_names(one))
        after = {key: _shown(value) for key, value in inputs.items() if not isinstance(value, Ref)}
        planned.append({**row, "provider_name": PROVIDER, "schema_version": 0, "values": _known(after)})
        changes.append(
            {
                **row,
                "provider_name": PROVIDER,
                "change": {
                    "actions": ["create"],
                    "before": None,
                    "after": _known(after),
                    "after_unknown": _flags(inputs, lambda v: v is UNKNOWN or isinstance(v, Ref)),
                    "before_sensitive": False,
                    "after_sensitive": _flags(inputs, lambda v: v is SECRET),
                },
            }
        )
        expressions = {key: _expression(value, addresses) for key, value in inputs.items()}
        written.append({**row, "provider_config_key": "openstack", "expressions": expressions, "schema_version": 0})
    return {
        "format_version": "1.2",
        "terraform_version": "1.9.0",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {
            "provider_config": {"openstack": _provider(graph, addresses)},
            "root_module": {"resources": written},
        },
    }


def address(graph: Graph, resource: Resource) -> str:
    """`type.path`, where the path is the resource's name below those of its components: never two alike."""
    return f"{TYPES[resource.type]}.{_label(graph, resource)}"


def _label(graph: Graph, resource: Resource) -> str:
    return "__".join(
        re.sub(r"[^0-9A-Za-z_-]", "_", name) for name in (*reversed([*_above(graph, resource)]), resource.name)
    )


def _above(graph: Graph, resource: Resource) -> Iterator[str]:
    parent = graph.named(resource.parent)
    while parent is not None:
        yield parent.name
        parent = graph.named(parent.parent)


def _terraform_names(resource: Resource) -> Iterator[tuple[str, Any]]:
    for key, value in resource.inputs.items():
        wrapped = [value] if key in ONE_ITEM.get(resource.type, ()) else value
        yield SINGULAR.get(key, key), wrapped


def _provider(graph: Graph, addresses: Mapping[str, str]) -> dict[str, Any]:
    own = next(iter(graph.of(model.PROVIDER)), None)
    inputs = own.inputs if own else {}
    expressions = {key: _expression(value, addresses) for key, value in inputs.items() if value != ""}
    return {"name": "openstack", "full_name": PROVIDER, "expressions": expressions}


def _shown(value: Any) -> Any:
    """References and unknowns become None; a secret its marker, before any tool can quote it."""
    if isinstance(value, dict):
        return {key: _shown(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_shown(item) for item in value]
    if value is SECRET:
        return HIDDEN
    return None if value is UNKNOWN or isinstance(value, Ref) else value


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """A present value wins over a reference, so what is unknown is absent; a list of references only, too."""
    return {
        key: value
        for key, value in values.items()
        if value is not None and not (isinstance(value, list) and value and all(item is None for item in value))
    }


def _flags(value: Any, is_so: Any) -> Any:
    if isinstance(value, dict):
        return {key: found for key, item in value.items() if (found := _flags(item, is_so))}
    if isinstance(value, list):
        found = [_flags(item, is_so) or False for item in value]
        return found if any(found) else []
    return bool(is_so(value))


def _expression(value: Any, addresses: Mapping[str, str]) -> Any:
    """`references` for what points elsewhere, `constant_value` for what does not; blocks keep their shape."""
    if isinstance(value, Ref):
        target = addresses.get(value.target)
        return {"references": [f"{target}.{value.output}", target]} if target else {}
    if value is SECRET:
        return {"references": ["var.hidden"]}
    if value is UNKNOWN:
        return {}
    if isinstance(value, list):
        references = [
            found
            for item in value
            if isinstance(item, Ref)
            for found in _expression(item, addresses).get("references", [])
        ]
        if references:
            return {"references": references}
        if value and all(isinstance(item, dict) for item in value):
            return [{key: _expression(one, addresses) for key, one in item.items()} for item in value]
    return {"constant_value": value}
