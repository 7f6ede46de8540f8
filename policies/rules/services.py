"""Containers (CTR), logs and time (LOG), evidence (EVD)."""

from __future__ import annotations

import re
from typing import Any

from policies import targets
from policies.formats import Directives, pairs, sections
from socle.policy.model import Facts, File, Model
from socle.policy.mutation import Mutation, in_facts, in_file
from socle.policy.outcome import Outcome, failed, judged, passed, unknown
from socle.policy.rule import rule
from socle.policy.waiver import Waiver
from socle.stack.release import images_of

DANGEROUS = ("/var/run/docker.sock", "/run/podman/podman.sock", "/run/docker.sock")
NET_BIND = {"CAP_NET_BIND_SERVICE", "NET_BIND_SERVICE"}  # what a declared service may add
PINNED = re.compile(r"@sha256:[0-9a-f]{64}$")
GPU = "nvidia.com/gpu=all"  # by the Container Device Interface
SOURCES = 2  # independent clocks


def _container(file: File) -> Directives:
    return sections(file.text or "").get("Container", {})


def _in_unit(text: str) -> Mutation:
    """A mutation: one more line in LiveKit's unit."""
    return in_file("media", ".container", r"^\[Container\]$", f"[Container]\n{text}")


@rule("CTR-01", phase="config", on=targets.containers, broken_by=_in_unit("PodmanArgs=--privileged"))
def no_privilege(file: File, model: Model) -> Outcome:
    """A GPU, by its driver's own description, is no privilege where the node has it for this."""
    unit = _container(file)
    tier = model.tier(file.tier)
    gpus = model.loaded.cloud.flavours[tier.flavour].gpus if tier else 0
    arguments = " ".join(unit.get("PodmanArgs", ()))
    hosts = [
        v for v in unit.get("Volume", ()) if v.split(":")[0] in ("/", "/etc", "/var", "/usr", "/dev", "/proc", "/sys")
    ]
    problems = [
        *(["privileged"] if "--privileged" in arguments else []),
        *(f"device {d}" for d in unit.get("AddDevice", ()) if not (gpus and d == GPU)),
        *(f"host path {v}" for v in hosts),
        *(f"engine socket {v}" for v in unit.get("Volume", ()) if v.split(":")[0] in DANGEROUS),
    ]
    return judged(not problems, problems or "none", "no privileged mode, device, host path or engine socket")


@rule(
    "CTR-02", phase="config", on=targets.containers, broken_by=lambda model: _in_unit("Network=host")(_elsewhere(model))
)
def dedicated_network(file: File, model: Model) -> Outcome:
    networks = _container(file).get("Network", ())
    wanted = "a network of its own; the host's, of LiveKit and Visio on hosts of their own, is a recorded exception"
    if "host" not in networks:
        return passed(networks or "podman's own", wanted)
    images = _own_images(model, file.tier)
    run = {image for one in model.files_of(file.tier, ".container") for image in _container(one).get("Image", ())}
    if strangers := run - images:
        return failed(f"host network, beside {', '.join(sorted(strangers))}", wanted)
    return unknown(
        "host network: a node forwards nothing, media needs its own addresses, and this one runs its tier's job alone, "
        "which the flow matrix bounds",
        settled_in="process",
        expected="a recorded derogation",
    )


def _own_images(model: Model, tier: str) -> set[str]:
    """The images that nodes of a tier are there to run, as units name them."""
    release = model.loaded.release.images
    return {release[name].pinned or release[name].tagged for name in images_of([tier]) if name in release}


def _elsewhere(model: Model) -> Model:
    """Another container beside LiveKit's, of another tier's image."""
    from dataclasses import replace

    unit, own = model.file("media", ".container"), set(images_of(["media"]))
    other = next(image.pinned or image.tagged for name, image in model.loaded.release.images.items() if name not in own)
    text = re.sub(r"(?m)^Image=.*$", f"Image={other}", unit.text or "")
    return replace(model, files={**(model.files or {}), ("media", "/etc/containers/systemd/a.container"): text})


@rule("CTR-03", phase="config", on=targets.containers, broken_by=_in_unit("PodmanArgs=--pid=host"))
def separate_namespaces(file: File, _model: Model) -> Outcome:
    unit = _container(file)
    arguments = " ".join(unit.get("PodmanArgs", ()))
    shared = [
        name
        for name in ("pid", "ipc", "uts", "userns")
        if f"--{name}=host" in arguments or f"--{name} host" in arguments
    ]
    remapped = bool(unit.get("UserNS") or unit.get("User"))
    seen = f"shared: {', '.join(shared)}" if shared else f"user {'set' if remapped else 'root'}"
    return judged(not shared and remapped, seen, "no namespace of the host, another user than root")


@rule(
    "CTR-04",
    phase="config",
    on=targets.containers,
    broken_by=in_file("media", ".container", r"^DropCapability=[^\n]*$", ""),
)
def capabilities_dropped(file: File, _model: Model) -> Outcome:
    unit = _container(file)
    dropped = {word.upper() for value in unit.get("DropCapability", ()) for word in value.split()}
    added = {word.upper() for value in unit.get("AddCapability", ()) for word in value.split()}
    fixed = [value.lower() for value in unit.get("NoNewPrivileges", ())]
    problems = [
        *([] if "ALL" in dropped else ["capabilities kept"]),
        *(f"adds {name}" for name in sorted(added - NET_BIND)),
        *([] if "true" in fixed else ["new privileges allowed"]),
    ]
    return judged(not problems, problems or "all dropped, no new privileges", "drop ALL, no new privileges")


@rule(
    "CTR-06",
    phase="config",
    on=targets.containers,
    broken_by=in_file("media", ".container", r"^ReadOnly=true$", "ReadOnly=false"),
)
def read_only_root(file: File, _model: Model) -> Outcome:
    value = (_container(file).get("ReadOnly") or ("false",))[-1]
    return judged(value.lower() == "true", f"read-only: {value}", "read-only: true")


@rule(
    "CTR-07",
    phase="config",
    on=targets.containers,
    key=("release",),
    broken_by=in_file("media", ".container", r"^Image=[^\n]*$", "Image=docker.io/livekit/livekit-server:latest"),
)
def images_by_digest(file: File, model: Model) -> Outcome:
    unit = _container(file)
    mounted = (m[1] for value in unit.get("Mount", ()) if (m := re.match(r"type=image,source=([^,]+)", value)))
    named = [(unit.get("Image") or ("",))[-1], *mounted]
    image = next((one for one in named if not PINNED.search(one)), named[0])
    known = {entry.pinned for entry in model.loaded.release.images.values() if entry.pinned}
    wanted = "an image of the release, named by its digest"
    if not PINNED.search(image):
        if model.loaded.cloud.embedded and image in {
            f"{e.reference}:{e.version}" for e in model.loaded.release.images.values()
        }:
            return unknown(
                f"{image}: the embedded cloud records the digest when it makes the image",
                settled_in="runtime",
                expected=wanted,
            )
        return failed(f"{image or 'no image'}: no digest", wanted)
    digests = {pinned.rpartition("@")[2] for pinned in known}
    return judged({one.rpartition("@")[2] for one in named} <= digests, ", ".join(named), wanted)


@rule(
    "CTR-08",
    phase="config",
    on=targets.containers,
    broken_by=in_file("media", ".container", r"^LogDriver=\w+$", "LogDriver=none"),
)
def logs_leave_the_container(file: File, _model: Model) -> Outcome:
    driver = (_container(file).get("LogDriver") or ("journald",))[-1]  # Quadlet's default
    return judged(driver in ("journald", "passthrough"), f"log driver {driver}", "journald")


def _unbounded(model: Model) -> Model:
    from dataclasses import replace

    unit = model.file("media", ".container")
    text = re.sub(r"(?m)^(MemoryMax|CPUQuota|CPUWeight|Memory)=.*$|--(memory|cpus)\S*", "", unit.text or "")
    return replace(model, files={**(model.files or {}), ("media", unit.path): text})


@rule("CTR-05", phase="config", on=targets.containers, broken_by=_unbounded)
def bounded(file: File, _model: Model) -> Outcome:
    parts = sections(file.text or "")
    arguments = " ".join(_container(file).get("PodmanArgs", ()))
    service = parts.get("Service", {})
    memory = "MemoryMax" in service or "--memory" in arguments or "Memory" in _container(file)
    processor = "CPUQuota" in service or "CPUWeight" in service or "--cpus" in arguments
    missing = [name for name, there in (("memory", memory), ("processor", processor)) if not there]
    return judged(
        not missing, f"no limit: {', '.join(missing)}" if missing else "limits set", "memory and processor limits"
    )


@rule("LOG-01", phase="config", on=targets.file_of_every_tier("chrony.conf"), key=("cloud",),
      broken_by=in_file("edge", "chrony.conf", r"^(server|pool) [^\n]*$", "# none"))  # fmt: skip
def several_clocks(file: File, model: Model) -> Outcome:
    wanted = f"{SOURCES} declared sources at least"
    if file.text is None:
        return failed("not rendered", wanted)
    options = pairs(file.text)
    sources = [v.split()[0] for name in ("server", "pool", "peer") for v in options.get(name, ()) if v]
    if not sources:
        return failed("no source", wanted)
    clock = model.loaded.cloud.surroundings.time
    mirrors = {node.address for node in model.topology.tier("mirror").nodes}
    declared = {clock.name, str(clock.address)} if file.tier == "mirror" else mirrors
    if strangers := [s for s in sources if s not in declared]:
        return failed(f"undeclared: {', '.join(strangers)}", wanted)
    if file.tier != "mirror" and (forgotten := sorted(mirrors - set(sources))):
        return failed(f"mirror nodes that are not asked: {', '.join(forgotten)}", wanted)
    # two mirror nodes are no two clocks: both follow the one that the cloud file names
    return unknown(
        f"one name in the cloud file ({clock.name}), which the mirror nodes ask for all: how many clocks stand behind "
        "it is the ministry's to say",
        settled_in="process",
        expected=wanted,
    )


@rule(
    "LOG-01",
    phase="runtime",
    on=targets.nodes,
    broken_by=in_facts(lambda facts: facts.update(time={"synchronised": False, "offset": 3.0})),
)
def clocks_agree(facts: Facts, _model: Model) -> Outcome:
    wanted = "synchronised, within 100 ms"
    said: Any = (facts.data or {}).get("time")
    if not isinstance(said, dict) or "synchronised" not in said:
        return unknown("the clock was not read", settled_in="runtime", expected=wanted)
    offset = abs(float(said.get("offset") or 0.0))
    seen = f"{'synchronised' if said['synchronised'] else 'not synchronised'}, offset {offset:.4f} s"
    return judged(bool(said["synchronised"]) and offset < 0.1, seen, wanted)


@rule("LOG-10", phase="config", on=targets.file("media", "livekit.yaml"),
      broken_by=in_file("media", "livekit.yaml", r"level: *\w+", "level: debug"))  # fmt: skip
def logs_say_no_more_than_needed(file: File, _model: Model) -> Outcome:
    from policies.formats import yaml_of

    wanted = "info or above"
    if file.text is None:
        return failed("not rendered", wanted)
    settings = yaml_of(file.text)
    logging = settings.get("logging") or {}
    levels = [
        str(logging.get("level") or settings.get("log_level") or "info"),
        str(logging.get("pion_level") or "error"),
    ]
    return judged(not {"debug", "trace"} & set(levels), levels, wanted)


def _with_an_old_waiver(model: Model) -> Model:
    from dataclasses import replace

    why = dict.fromkeys(("reason", "compensation", "owner", "approver"), "as it was then")
    old = Waiver.model_validate({"control": "NET-01", "scope": [model.topology.stack], "expires": "2020-01-01", **why})
    return replace(model, waivers=(*model.waivers, old))


@rule("EVD-04", phase="spec", on=lambda model: model.waivers, broken_by=_with_an_old_waiver)
def waivers_are_current(waiver: Waiver, model: Model) -> Outcome:
    seen = f"{waiver.control}: {waiver.owner}, approved by {waiver.approver}, until {waiver.expires}"
    return judged(not waiver.expired(model.today), seen, "an owner, a reason, a compensation, an end date to come")
