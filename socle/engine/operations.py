"""What the engine's preview would do, as plain values: operations, their digest, what they need, what they endanger."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from socle.graph import model

# One step of the engine per line; the third column is what people read.
KINDS = {
    "create": "created",
    "import": "created",
    "update": "changed",
    "replace": "replaced",
    "create-replacement": "replaced",
    "delete-replaced": "replaced",
    "delete": "deleted",
    "same": "unchanged",
}
LOOKS = {"refresh", "read", "discard", "discard-replaced", "remove-pending-replace"}  # the cloud stays as it is
# Data, addresses and names that others have written down, and what every call passes through.
LASTING = {
    model.VOLUME,
    model.CONTAINER,
    model.FLOATING_IP,
    model.ZONE,
    model.ROUTER,
    model.LOAD_BALANCER,
}


@dataclass(frozen=True)
class Operation:
    """One step on one resource. `inputs` as the engine prints them: secrets as [secret], later values as a marker.

    `before`: the inputs that were applied last, empty for what is new; no part of what a plan is compared by.
    """

    op: str
    urn: str
    type: str
    diffs: tuple[str, ...] = ()
    protect: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        return self.urn.rpartition("::")[2]

    @property
    def kind(self) -> str:
        return KINDS.get(self.op, "unchanged")

    @property
    def title(self) -> str:
        """`openstack:compute/instance:Instance` -> `Instance`."""
        return self.type.rpartition(":")[2]


def operations(events: Iterable[Mapping[str, Any]]) -> tuple[Operation, ...]:
    """From the engine's step events, in an order that does not depend on timing; steps without effect left out."""
    found = {
        (event["op"], event["urn"]): Operation(
            op=event["op"],
            urn=event["urn"],
            type=event["type"],
            diffs=tuple(sorted(event.get("diffs") or ())),
            protect=bool(event.get("protect")),
            inputs=event.get("inputs") or {},
            before=event.get("before") or {},
        )
        for event in events
        if event["op"] not in LOOKS
    }
    return tuple(found[key] for key in sorted(found, key=lambda key: (key[1], key[0])))


def digest(found: Sequence[Operation]) -> str:
    """sha256 over what is done to which resource with which inputs. The same program and cloud, the same digest."""
    rows = [[one.op, one.urn, list(one.diffs), one.inputs] for one in sorted(found, key=lambda o: (o.urn, o.op))]
    return hashlib.sha256(json.dumps(rows, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def changes(found: Sequence[Operation]) -> tuple[Operation, ...]:
    """What touches a resource of the cloud. Components and the stack itself are only bookkeeping of the engine."""
    return tuple(one for one in found if one.kind != "unchanged" and one.type.startswith("openstack:"))


def bookkeeping(found: Sequence[Operation]) -> bool:
    """Whether anything at all is to be recorded, be it only an output."""
    return any(one.kind != "unchanged" for one in found)


def counts(found: Sequence[Operation]) -> dict[str, int]:
    """Resources made, changed, replaced, deleted, unchanged; a replacement counts once."""
    kinds: dict[str, str] = {}
    for one in found:
        if one.type.startswith("openstack:") and kinds.get(one.urn) != "replaced":
            kinds[one.urn] = one.kind
    total = Counter(kinds.values())
    return {kind: total[kind] for kind in ("created", "changed", "replaced", "deleted", "unchanged")}


def endangered(found: Sequence[Operation], carrying_calls: Iterable[str], named: Iterable[str]) -> list[Operation]:
    """Deletions and replacements of what must not go unasked and is not in `named`.

    That is: what the program protects, LASTING, nodes that carry calls (their names are given).
    """
    nodes, allowed = set(carrying_calls), set(named)
    first: dict[str, Operation] = {}
    for one in found:
        if one.kind not in ("replaced", "deleted") or one.name in allowed:
            continue
        if one.protect or one.type in LASTING or (one.type == model.INSTANCE and one.name in nodes):
            first.setdefault(one.urn, one)
    return list(first.values())


def needs(
    found: Sequence[Operation], flavours: Mapping[str, tuple[int, float]], encrypted: Collection[str] = ()
) -> dict[str, int]:
    """Quota that the operations take: OpenStack's own names of quotas. `flavours`: vCPU and memory in MiB by name.
    `encrypted`: volume types whose volumes have a key in the cloud's key manager each."""
    total: Counter[str] = Counter()
    for one in found:
        if one.type == model.MEMBERS and one.kind != "unchanged" and one.op != "replace":
            total["members"] += _members(one)
        sign = {"create": 1, "create-replacement": 1, "delete-replaced": -1, "delete": -1}.get(one.op)
        if sign is None or not (quota := _QUOTAS.get(one.type)):
            continue
        total[quota] += sign
        if one.type == model.INSTANCE:
            vcpus, memory = flavours.get(str(one.inputs.get("flavorName", "")), (1, 512.0))
            total["cores"] += sign * vcpus
            total["ram"] += sign * int(memory)
        elif one.type == model.VOLUME:
            size, kind = one.inputs.get("size", 1), one.inputs.get("volumeType")
            gib = sign * int(size if isinstance(size, int | float) else 1)
            total["gigabytes"] += gib
            if kind:
                total[f"volumes_{kind}"] += sign
                total[f"gigabytes_{kind}"] += gib
            if kind in encrypted:
                total["secrets"] += sign
                total["orders"] += max(sign, 0)  # what was ordered once stays on the list
    return {name: count for name, count in total.items() if count > 0}


def _members(one: Operation) -> int:
    """How many more members a load balancer's pool has afterwards. All are one resource."""
    now, before = (len(inputs.get("members") or ()) for inputs in (one.inputs, one.before))
    return {"create": now, "create-replacement": now, "update": now - before}.get(one.op, -now)


_QUOTAS = {
    model.NETWORK: "networks",
    model.SUBNET: "subnets",
    model.ROUTER: "routers",
    model.PORT: "ports",
    model.FLOATING_IP: "floating_ips",
    model.SECURITY_GROUP: "security_groups",
    model.SECURITY_GROUP_RULE: "security_group_rules",
    model.INSTANCE: "instances",
    model.SERVER_GROUP: "server_groups",
    model.KEYPAIR: "key_pairs",
    model.VOLUME: "volumes",
    model.LOAD_BALANCER: "load_balancers",
    model.LISTENER: "listeners",
    model.POOL: "pools",
    model.MONITOR: "health_monitors",
    model.ZONE: "zones",
    model.RECORD_SET: "zone_recordsets",
}
