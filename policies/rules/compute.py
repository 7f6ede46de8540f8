"""Instances, images, keys, placement: CMP. Volumes: STO."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from policies import targets
from socle.graph import Graph, Resource
from socle.graph.model import INSTANCE, KEYPAIR, MEMBERS, MONITOR, SERVER_GROUP, VOLUME
from socle.policy.model import Model
from socle.policy.mutation import in_facts, in_live, inputs, on_release, on_resource, on_stack, together
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule
from socle.topology.model import Front, Tier, Volume

SPREAD = "at least 2 nodes over 2 zones"


def _live(model: Model, part: str) -> Any:
    return (model.live or {}).get(part)


@rule(
    "CMP-01",
    phase="plan",
    on=INSTANCE,
    key=("release",),
    broken_by=on_resource(INSTANCE, inputs(image_id=None, image_name="ubuntu-latest", block_devices=None)),
)
def only_the_release_s_image(instance: Resource, model: Model) -> Outcome:
    offer = model.loaded.cloud.images[model.loaded.release.operating_system]
    name, number = instance.get("image_name"), instance.get("image_id")
    if name is not None and name != offer.name:
        return failed(f"image {name}", f"image {offer.name}")
    if name is None and number is None and not instance.get("block_devices"):
        return failed("no image named", f"image {offer.name}")
    if offer.sha512:
        return unknown(f"image {offer.name}", settled_in="runtime", expected=f"sha512 {offer.sha512[:16]}...")
    return unknown(
        f"image {offer.name}; the cloud file records no digest of it",
        settled_in="runtime",
        expected="the recorded sha512, private or published by the provider",
    )


@rule(
    "CMP-01",
    phase="runtime",
    on=lambda model: (model.loaded.cloud.images[model.loaded.release.operating_system],),
    key=("release",),
    broken_by=in_live(lambda live: live["image"].update(visibility="community", sha512="0" * 128)),
)
def the_image_is_the_recorded_one(offer: Any, model: Model) -> Outcome:
    image = _live(model, "image")
    if not image:
        return unknown("the image was not read", settled_in="runtime")
    seen = f"{image['name']}: {image['visibility']}, sha512 {str(image['sha512'])[:16]}..."
    if image["visibility"] not in ("public", "private"):
        return failed(seen, "private, or published by the provider")
    if offer.sha512 is None:
        return unknown(f"{seen}; the cloud file records no digest", settled_in="process", expected="a recorded sha512")
    return judged(image["sha512"] == offer.sha512, seen, f"sha512 {offer.sha512[:16]}...")


@rule(
    "CMP-02",
    phase="config",
    on=targets.stack,
    key=("release",),
    broken_by=on_release("supported_until", date(2020, 1, 1)),
)
def the_release_is_supported(_stack: targets.Whole, model: Model) -> Outcome:
    until = model.loaded.release.supported_until
    seen = f"{model.loaded.release.operating_system}, supported until {until}"
    return judged(until > model.today, seen, "an end of support to come")


@rule(
    "CMP-04",
    phase="plan",
    on=targets.tiers,
    key=("availability",),
    broken_by=on_resource(SERVER_GROUP, inputs(policies="affinity", rules=None), tier="media"),
)
def pairs_stay_apart(tier: Tier, model: Model) -> Outcome:
    if len(tier.nodes) < 2:
        return not_applicable(f"one {tier.name} node")
    groups = {group.name: group for group in model.plan.of(SERVER_GROUP) if model.tier_of(group) == tier.name}
    wanted = "an anti-affinity group that holds every node"
    strict = [name for name, group in groups.items() if "anti-affinity" in _policies(group)]
    if not strict:
        return failed([f"{n}: {', '.join(_policies(g))}" for n, g in groups.items()] or "no server group", wanted)
    mine = [instance for instance in model.plan.of(INSTANCE) if model.tier_of(instance) == tier.name]
    outside = [i.name for i in mine if not any(group in strict for group in _groups_of(i, model))]
    return judged(not outside, f"outside the group: {', '.join(outside)}" if outside else strict, wanted)


def _policies(group: Resource) -> list[str]:
    value = group.get("policies")
    return [value] if isinstance(value, str) else [str(item) for item in value or ()]


def _groups_of(instance: Resource, model: Model) -> Iterator[str]:
    for hint in instance.get("scheduler_hints") or ():
        target = model.plan.follow(hint.get("group"))
        if target is not None:
            yield target.name


@rule(
    "CMP-04",
    phase="runtime",
    on=targets.tiers,
    key=("availability",),
    broken_by=in_live(lambda live: live["servers"].update({name: {"host": "same"} for name in live["servers"]})),
)
def pairs_run_on_different_machines(tier: Tier, model: Model) -> Outcome:
    if len(tier.nodes) < 2:
        return not_applicable(f"one {tier.name} node")
    servers = _live(model, "servers")
    hosts = [servers[n.name]["host"] for n in tier.nodes if n.name in servers] if servers else []
    if len(hosts) < len(tier.nodes):
        return unknown("the machines under the nodes were not read", settled_in="runtime")
    if model.loaded.cloud.embedded and len(set(hosts)) == len(hosts):
        return unknown(
            "different hypervisors of the embedded cloud, one machine", settled_in="process", expected="two machines"
        )
    return judged(len(set(hosts)) == len(hosts), f"{len(set(hosts))} machines for {len(hosts)} nodes", "one each")


@rule(
    "CMP-05",
    phase="spec",
    on=targets.tiers,
    key=("availability",),
    broken_by=lambda model: _promise(model, "two-zones"),
)
def redundancy_as_promised(tier: Tier, model: Model) -> Outcome:
    promised = str(model.loaded.stack.availability)
    if promised == "single":
        return not_applicable("the stack promises one zone")
    zones = {node.zone for node in tier.nodes}
    seen = f"{len(tier.nodes)} nodes over {len(zones)} zones"
    if len(tier.nodes) < 2 or len(zones) < 2:
        return failed(seen, SPREAD)
    if tier.promotion == "by-hand":
        return unknown(
            f"{seen}; without the zone that holds most of them no majority is left: promotion is by hand, "
            "a procedure to sign",
            settled_in="process",
            expected="a majority that outlives any zone, or a signed procedure",
        )
    return passed(seen, SPREAD)


def _promise(model: Model, promise: str) -> Model:
    return on_stack("availability", promise)(
        replace(
            model,
            topology=replace(model.topology, tiers=tuple(replace(t, nodes=t.nodes[:1]) for t in model.topology.tiers)),
        )
    )


def _all_in_one_zone(model: Model) -> Model:
    moved = (
        replace(one, inputs={**one.inputs, "availability_zone": "zone-1"}) if one.type == INSTANCE else one
        for one in model.plan
    )
    return on_stack("availability", "two-zones")(replace(model, graph=Graph(tuple(moved))))


@rule("CMP-05", phase="plan", on=targets.tiers, key=("availability",), broken_by=_all_in_one_zone)
def instances_as_promised(tier: Tier, model: Model) -> Outcome:
    """And a front that knows all of them: one that it does not reach, or goes on sending to when dead, is no second."""
    if str(model.loaded.stack.availability) == "single":
        return not_applicable("the stack promises one zone")
    mine = [one for one in model.plan.of(INSTANCE) if model.tier_of(one) == tier.name]
    asked = [one.get("availability_zone") for one in mine]
    if not all(isinstance(zone, str) for zone in asked):
        return unknown("a zone that is known after apply", settled_in="runtime", expected=SPREAD)
    zones = {str(zone).partition(":")[0] for zone in asked}
    problems = [] if len(mine) >= 2 and len(zones) >= 2 else [f"{len(mine)} instances over {len(zones)} zones"]
    fronts = [one for one in model.topology.fronts if one.tier == tier.name]
    problems += [problem for front in fronts for problem in _front_problems(front, mine, model)]
    wanted = f"{SPREAD}{', each behind the front, a dead one taken out' if fronts else ''}"
    return judged(not problems, problems or f"{len(mine)} instances over {len(zones)} zones", wanted)


def _front_problems(front: Front, instances: Sequence[Resource], model: Model) -> Iterator[str]:
    ports = {i.name: model.plan.follow(n.get("port")) for i in instances for n in i.get("networks") or ()}
    if front.way == "virtual-address":
        for name, port in ports.items():
            pairs = (port.get("allowed_address_pairs") if port else None) or ()
            if front.address not in {pair.get("ip_address") for pair in pairs}:
                yield f"{name} may not take the address of the front"
        return
    members, monitors = ([r for r in model.plan.of(k) if model.tier_of(r) == front.tier] for k in (MEMBERS, MONITOR))
    behind = {member.get("address") for one in members for member in one.get("members") or ()}
    for name, port in ports.items():
        fixed = {one.get("ip_address") for one in (port.get("fixed_ips") if port else None) or ()}
        if not fixed & behind:
            yield f"{name} is not behind the front"
    if not any(one.get("admin_state_up") is not False for one in monitors):
        yield "no health monitor"


def _weak_key() -> str:
    """An RSA key of 1,024 bits, as OpenSSH writes one."""
    parts = (b"ssh-rsa", b"\x01\x00\x01", b"\x00" + b"\xff" * 128)
    return "ssh-rsa " + base64.b64encode(b"".join(struct.pack(">I", len(part)) + part for part in parts)).decode()


@rule("CMP-07", phase="plan", on=KEYPAIR, broken_by=on_resource(KEYPAIR, inputs(public_key=_weak_key())))
def injected_keys_are_strong(keypair: Resource, _model: Model) -> Outcome:
    key = keypair.get("public_key")
    wanted = "ECDSA P-256 or more, RSA 3072 or more; Ed25519 with a note"
    if not isinstance(key, str):
        return unknown("the key is known after apply", settled_in="runtime", expected=wanted)
    kind = key.split(" ", 1)[0]
    if kind == "ssh-ed25519":
        return passed("Ed25519: accepted, not in the 2015 list of the SSH guide", wanted)
    if kind.startswith("ecdsa-sha2-nistp"):
        return passed(kind, wanted)
    bits = _rsa_bits(key) if kind == "ssh-rsa" else 0
    return judged(bits >= 3072, f"{kind} {bits or ''}".strip(), wanted)


def _rsa_bits(key: str) -> int:
    try:
        data = base64.b64decode(key.split()[1])
        parts = []
        while data:
            (size,) = struct.unpack(">I", data[:4])
            parts.append(data[4 : 4 + size])
            data = data[4 + size :]
        return int.from_bytes(parts[2], "big").bit_length()
    except (ValueError, IndexError, struct.error):
        return 0


def _volumes(model: Model) -> tuple[Volume, ...]:
    return tuple(node.volume for node in model.topology.nodes if node.volume)


def _in_clear(facts: dict[str, Any]) -> None:
    """A mutation: what is mounted is the volume itself."""
    facts["volumes"] = {place: {"device": "/dev/vdb", "encrypted": False} for place in facts["volumes"]}


@rule(
    "STO-01",
    phase="plan",
    on=VOLUME,
    key=("cloud",),
    broken_by=on_resource(VOLUME, inputs(volume_type="elsewhere")),
)
def volumes_of_a_declared_type(volume: Resource, model: Model) -> Outcome:
    kind, types = volume.get("volume_type"), model.loaded.cloud.volume_types
    if kind not in types:
        return failed(f"type {kind or 'none asked for'}", types)
    plan = next((one for one in _volumes(model) if one.name == volume.get("name")), None)
    if plan is not None and plan.encryption == "cloud" and not types[kind].encrypted:
        return failed(f"type {kind}, which the cloud does not encrypt", f"type {plan.kind}")
    if plan is not None and plan.encryption == "node":
        return unknown(
            f"type {kind}: the node encrypts it (LUKS2)",
            settled_in="runtime",
            expected="mounted from a dm-crypt device",
        )
    return unknown(
        f"type {kind}: only the cloud says whether it encrypts", settled_in="runtime", expected="an encrypted volume"
    )


@rule(
    "STO-01",
    phase="runtime",
    on=_volumes,
    key=("cloud",),
    broken_by=together(
        on_stack("data.media", "sensitive"),
        in_live(lambda live: live["volumes"].update({name: {"encrypted": False} for name in live["volumes"]})),
        in_facts(_in_clear, tier="mirror"),
    ),
)
def volumes_are_encrypted(volume: Volume, model: Model) -> Outcome:
    if volume.encryption == "node":
        return _encrypted_by_its_node(volume, model)
    seen = (_live(model, "volumes") or {}).get(volume.name)
    if not seen:
        return unknown("the volume was not read", settled_in="runtime", expected="encrypted")
    if model.loaded.cloud.embedded and seen["encrypted"] is False and not targets.is_sensitive(model):
        return unknown("the embedded cloud encrypts nothing", settled_in="process", expected="encrypted")
    return judged(seen["encrypted"] is True, "encrypted" if seen["encrypted"] else "not encrypted", "encrypted")


def _encrypted_by_its_node(volume: Volume, model: Model) -> Outcome:
    """The cloud sees such a volume as any other: its node says what is mounted."""
    wanted = "mounted from a dm-crypt device"
    node = next(node for node in model.topology.nodes if node.volume == volume)
    said = ((model.facts or {}).get(node.name) or {}).get("volumes")
    if said is None:
        return unknown("what is mounted was not read on the node", settled_in="runtime", expected=wanted)
    mounted = said.get(volume.mount)
    if mounted is None:
        return failed(f"nothing is mounted on {volume.mount}", wanted)
    return judged(mounted["encrypted"] is True, f"{volume.mount} from {mounted['device']}", wanted)


@rule(
    "STO-02",
    phase="plan",
    on=INSTANCE,
    key=("cloud",),
    broken_by=on_resource(INSTANCE, lambda i, _m: replace(i, inputs={**i.inputs, "block_devices": [
        {"source_type": "blank", "destination_type": "local", "guest_format": "ext4"}]})),
)  # fmt: skip
def root_disks(instance: Resource, model: Model) -> Outcome:
    wanted = "a boot from an encrypted volume, no local disk that holds data"
    devices = instance.get("block_devices") or ()
    for device in devices:
        if device.get("source_type") == "blank" and device.get("destination_type") == "local":
            return failed("a local disk for data", wanted)
        if device.get("boot_index") == 0 and device.get("destination_type") == "volume":
            kind = device.get("volume_type")
            if kind not in model.loaded.cloud.volume_types:
                return failed(f"boots from a volume of type {kind or 'none asked for'}", wanted)
            return unknown(f"boots from a volume of type {kind}", settled_in="runtime", expected=wanted)
    return unknown(
        "boots from the hypervisor's disk, which holds no data of the service; its encryption is the provider's",
        settled_in="process",
        expected=wanted,
    )


@rule("STO-14", phase="plan", on=VOLUME, broken_by=on_resource(VOLUME, inputs(multiattach=True)))
def volumes_have_one_master(volume: Resource, _model: Model) -> Outcome:
    shared = bool(volume.get("multiattach"))
    return judged(not shared, "attached to several" if shared else "attached to one", "attached to one")
