"""What goes into a first cloud file: what a live cloud tells, and beside each key what one has to know of it. Pure.

Nothing is invented: a key that the cloud does not tell, or of which there are several, is left out, so that the file is
refused until somebody has written it. The remarks are comments of the file, which is English as every cloud file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from socle.cloudfile import offers
from socle.cloudfile.model import LiveCloud, LiveFlavour, LiveImage
from socle.errors import InputError, visible
from socle.messages import _
from socle.stack.cloud import Cloud, ExternalNetwork, Flavour, ImageOffer, OfferedService, Service, Zone
from socle.stack.model import Line, SecureAddress

SYSTEM = "debian-13"  # what releases call the system of the nodes
PLACEHOLDER = "__DEFAULT__"  # a volume type that Cinder makes for itself
KEPT = "the cloud does not tell this user"
USUAL_PORT = Flavour.model_fields["port"].default
# What a cloud may keep from a user -> how it is called; `{service}` is its type.
UNTOLD = (
    "external networks", "flavours", "images", "volume types", "load balancer providers", "encryption of volumes",
    "zones of {service}", "quotas of {service}",
)  # fmt: skip
QUOTAS = {"ram": "ram (MiB)", "gigabytes": "gigabytes of volumes"}  # those whose name says no unit


@dataclass
class Draft:
    """`values`: keys of the Cloud model, in its form. `remarks`: by key, what is written beside it."""

    live: LiveCloud
    values: dict[str, Any] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    def remark(self, key: str, text: str) -> None:
        self.remarks.setdefault(key, []).append(text)

    @property
    def missing(self) -> list[str]:
        """Keys, with dots, that a person has to write: those for which the file is refused as it is."""
        try:
            Cloud.model_validate(self.values)
        except ValidationError as error:
            return [".".join(map(str, one["loc"])) for one in error.errors(include_url=False)]
        return []

    @property
    def untold(self) -> list[tuple[str, str]]:
        """What the cloud keeps from this user: one of UNTOLD, and the service that it speaks of."""
        live = self.live
        encryption = None if any(one.encrypted is None for one in live.volume_types or ()) else True
        told = [
            ("external networks", "network", live.networks),
            ("flavours", "compute", live.flavours),
            ("images", "image", live.images),
            ("volume types", "block-storage", live.volume_types),
            ("encryption of volumes", "block-storage", encryption),
            ("load balancer providers", "load-balancer", live.balancers),
            *(("zones of {service}", service, zones) for service, zones in live.zones.items()),
            *(("quotas of {service}", service, limits) for service, limits in live.limits.items()),
        ]
        return [(what, service) for what, service, answer in told if answer is None and service in live.services]


def draft(live: LiveCloud, external: str | None = None) -> Draft:
    """`external`: the external network, where there are several. Raises InputError for one that is not there."""
    made = Draft(live)
    _place(made)
    _zones(made)
    _external(made, external)
    _services(made)
    _volume_types(made)
    _images(made)
    _flavours(made)
    _objects(made)
    _quotas(made)
    return made


def _fits(form: Any, value: Any) -> bool:
    """Whether a file can hold it on one line, and its model takes it."""
    texts = value.values() if isinstance(value, Mapping) else [value]
    if any(isinstance(text, str) and visible(text) != text for text in texts):
        return False
    try:
        TypeAdapter(form).validate_python(value)
    except ValidationError:
        return False
    return True


def _place(made: Draft) -> None:
    live = made.live
    made.values["region"] = live.region
    if _fits(SecureAddress, live.auth_url):
        made.values["auth_url"] = live.auth_url
    made.values["project"] = live.project
    if live.source.file:
        made.values["credentials"] = live.source.file
    if entry := live.source.entry:
        made.remark("credentials", f"the entry `{entry}` of clouds.yaml: this file is to be {entry}.yaml")
    else:
        made.remark("credentials", "TO WRITE: an entry of a clouds.yaml, named as this file; it was OS_* this time")
    if live.source.authority:
        made.values["ca_certificate"] = live.source.authority
    for key in ("region", "project"):
        if not _fits(Line, made.values[key]):
            made.remark(key, f"cannot be written in a cloud file: {made.values.pop(key)!r}")


def _zones(made: Draft) -> None:
    agreed, left = offers.zones(made.live)
    left |= {name: "not a name that host names can hold" for name in agreed if not _fits(Zone, name)}
    if usable := [name for name in agreed if name not in left]:
        made.values["zones"] = usable
    for name, why in left.items():
        made.remark("zones", f"left out: {name} ({why})")
    for service, told in made.live.zones.items():
        if not told:
            made.remark("zones", f"{service}: {KEPT} its zones" if told is None else f"{service}: knows no zones")


def _external(made: Draft, chosen: str | None) -> None:
    known = made.live.networks
    key = "external_network"
    if known is None:
        return made.remark(key, KEPT)
    if chosen is not None and chosen not in {one.name for one in known}:
        names = ", ".join(one.name for one in known)
        hint = _("one of: {words}").format(words=names) if names else ""
        raise InputError("SOC-4240", "the cloud has no such external network: {name}", hint=hint, name=chosen)
    candidates = [one for one in known if chosen in (None, one.name)]
    if len(candidates) != 1 or not _fits(Line, candidates[0].name):
        for one in known:
            made.remark(key, f"candidate: {one.name}, {', '.join(one.blocks) or 'subnets are not told'}")
        return made.remark(key, "choose it with --external NAME" if len(known) > 1 else "none that can be written here")
    (network,) = candidates
    made.values[key] = {"name": network.name}
    if len(network.blocks) == 1 and _fits(ExternalNetwork, {"name": network.name, "cidr": network.blocks[0]}):
        made.values[key]["cidr"] = network.blocks[0]
    elif network.blocks:
        made.remark(key, f"TO WRITE: cidr, the block of public addresses; its subnets are {', '.join(network.blocks)}")
    else:
        made.remark(key, f"TO WRITE: cidr, the block of public addresses; {KEPT}")
    return None


def _services(made: Draft) -> None:
    known = get_args(OfferedService)
    made.values["services"] = [one for one in known if one in made.live.services]
    if others := [one for one in made.live.services if one not in known]:
        made.remark("services", f"also in the catalogue, not used: {', '.join(others)}")
    if "dns" in made.live.services:
        made.values["dns"] = {"update": "designate"}
    if "load-balancer" in made.live.services:
        _balancers(made)
    if "server_groups" in (groups := made.live.limits.get("compute") or {}) and not groups["server_groups"]:
        made.remark("server_group_policy", "the project may have no server group: ask the provider for a quota")
    else:
        made.values["server_group_policy"] = "anti-affinity"
        made.remark("server_group_policy", "one host for each node of a tier; how many hosts there are is not told")


def _balancers(made: Draft) -> None:
    key = "load_balancer"
    if made.live.balancers is None:
        return made.remark(key, f"providers: {KEPT}; with `ovn`, write {{algorithm: SOURCE_IP_PORT}}")
    providers = f"Octavia's providers: {', '.join(made.live.balancers) or 'none'}"
    if algorithm := offers.algorithm(made.live):
        made.values[key] = {"algorithm": algorithm}
        return made.remark(key, providers)
    return made.remark(key, f"{providers}; where `ovn` is the default, write {{algorithm: SOURCE_IP_PORT}}")


def _volume_types(made: Draft) -> None:
    key, live = "volume_types", made.live
    if live.volume_types is None:
        return made.remark(key, KEPT if "block-storage" in live.services else "the cloud has no block storage")
    found = {one.name: {"encrypted": True} if one.encrypted else {} for one in live.volume_types}
    left = [name for name in found if name == PLACEHOLDER or not _fits(Line, name)]
    if usable := {name: kind for name, kind in found.items() if name not in left}:
        made.values[key] = usable
        made.remark(key, "the first that fits is taken: put the one you pay for first")
    if left:
        made.remark(key, f"left out: {', '.join(left)}")
    if unknown := [one.name for one in live.volume_types if one.encrypted is None and one.name not in left]:
        made.remark(key, f"{KEPT} whether it encrypts {', '.join(unknown)}: where it does, write {{encrypted: true}}")
    return None


def _images(made: Draft) -> None:
    key, live = "images", made.live
    if live.images is None:
        return made.remark(key, KEPT)
    candidates = [one for one in live.images if offers.is_debian_13(one)]
    usable = [one for one in candidates if _fits(Line, one.name)]
    if len(usable) != 1:
        for one in candidates:
            made.remark(key, f"candidate: {one.name} ({_described(one)})")
        why = "several are Debian 13, write the one that is meant" if usable else "none is Debian 13: ask the provider"
        return made.remark(key, why)
    (image,) = usable
    offer = {"name": image.name}
    if _fits(ImageOffer, {"name": image.name, "user": image.user}):
        offer["user"] = image.user
    else:
        made.remark(key, "user: `debian`, Debian's own, where nothing else is written; the image does not tell")
    if digest := offers.sha512([image]):
        offer["sha512"] = digest
    else:
        made.remark(key, f"sha512: the cloud gives no such digest ({_described(image)})")
    made.values[key] = {SYSTEM: offer}
    return None


def _described(image: LiveImage) -> str:
    told = " ".join(filter(None, (image.distribution, image.version))) or "known by its name alone"
    return f"{told}; {image.algorithm} {image.digest[:16]}..." if image.digest else f"{told}; no digest"


def _flavours(made: Draft) -> None:
    key, live = "flavours", made.live
    if live.flavours is None:
        return made.remark(key, KEPT)
    usable: dict[str, dict[str, Any]] = {}
    for one in live.flavours:
        sizes = _sizes(one)
        if one.disabled or not _fits(Line, one.name) or not _fits(Flavour, sizes):
            made.remark(key, f"left out: {one.name} ({_refused(one)})")
        else:
            usable[one.name] = sizes
    if usable:
        made.values[key] = usable
    named = [one for one in live.flavours if one.name in usable]
    _silence(made, named)
    return None


def _sizes(one: LiveFlavour) -> dict[str, Any]:
    sizes: dict[str, Any] = {"vcpus": one.vcpus, "memory": offers.memory(one), "disk": one.disk}
    if speed := offers.port(one):
        sizes["port"] = speed
    if count := offers.gpus(one):
        sizes["gpus"] = count
    return sizes


def _refused(one: LiveFlavour) -> str:
    if one.disabled:
        return "disabled"
    return "no disk of its own: starts from a volume" if not one.disk else "beyond what a cloud file holds"


def _silence(made: Draft, named: Iterable[LiveFlavour]) -> None:
    """What flavours do not say, and the model supposes."""
    key = "flavours"
    ports = [one.name for one in named if offers.port(one) is None]
    if ports:
        which = "" if len(ports) == len(made.values[key]) else f" of {', '.join(ports)}"
        made.remark(key, f"port{which}: not told, {USUAL_PORT} Mbit/s is supposed; the provider must say")
    if silent := [one.name for one in named if offers.gpus(one) is None]:
        which = "" if len(silent) == len(made.values[key]) else f" of {', '.join(silent)}"
        made.remark(key, f"gpus{which}: not told, none is supposed; the provider must say")
    for one in named:
        if aliases := offers.gpu_aliases(one):
            made.remark(key, f"gpus of {one.name}: PCI devices `{', '.join(aliases)}`; check that these are GPUs")


def _objects(made: Draft) -> None:
    key, endpoint = "surroundings.objects", made.live.objects
    if "object-store" not in made.live.services:
        return None
    if endpoint is None:
        return made.remark(key, "objects: the catalogue gives no address with TLS")
    service = {"address": next(iter(endpoint.addresses), ""), "name": endpoint.host, "port": endpoint.port}
    if len(endpoint.addresses) == 1 and _fits(Service, service):
        made.values["surroundings"] = {"objects": service}
        return made.remark(key, "objects: from the catalogue; check that it answers S3 requests")
    where = f"{', '.join(endpoint.addresses) or 'resolved to no address'}, port {endpoint.port}"
    catalogued = f"in the catalogue it is {endpoint.host} ({where})"
    return made.remark(key, f"objects: TO WRITE, where and by which name it answers S3 requests; {catalogued}")


def _quotas(made: Draft) -> None:
    for service, limits in made.live.limits.items():
        if limits is None:
            if service in made.live.services:
                made.remark("quotas", f"{service}: {KEPT}")
            continue
        told = [f"{QUOTAS.get(name, name)} {'unlimited' if limit < 0 else limit}" for name, limit in limits.items()]
        made.remark("quotas", f"{service}: {', '.join(told)}")
