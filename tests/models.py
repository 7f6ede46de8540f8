"""A good model of a stack, with every kind of evidence: what rules pass on and mutations spoil."""

from __future__ import annotations

from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from policies.rules import hardening
from socle import assess
from socle.nodes import render
from socle.policy.model import Model
from socle.stack import load_stack
from socle.stack.load import LoadedStack
from socle.topology import Topology, derive
from socle.topology.flows import Place
from socle.topology.model import Volume
from socle.topology.openings import openings

TODAY = date(2026, 11, 24)
HEADERS = {
    ":status": "200",
    "content-security-policy": "default-src 'self'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}
HANDSHAKE = {
    "failure": "",
    "protocol": "TLSv1.3",
    "cipher": "TLS_AES_256_GCM_SHA384",
    "not_after": "2027-05-01T00:00:00+00:00",
    "names": [],
    "old": {"TLSv1": "refused", "TLSv1_1": "refused"},
    "key": "ECDSA 256",
    "signature": "sha256",
    "days": 365,
    "issuer": "CN=Socle lab",
    "usages": ["digital_signature"],
    "purposes": ["1.3.6.1.5.5.7.3.1"],
}
DIGEST = "sha256:" + "a" * 64


@cache
def topology_of(stack: str) -> Topology:
    return derive(load_stack(stack))


@cache
def files_of(stack: str) -> dict[tuple[str, str], str]:
    """By tier and path."""
    return render.render(load_stack(stack), topology_of(stack))


@cache
def intended(stack: str) -> Model:
    loaded = load_stack(stack)
    images = {n: i.model_copy(update={"digest": DIGEST}) for n, i in loaded.release.images.items()}
    from dataclasses import replace

    loaded = replace(loaded, release=loaded.release.model_copy(update={"images": images}))
    return assess.intended(loaded, derive(loaded), today=TODAY)


@cache
def running(stack: str) -> Model:
    """The same, deployed and proven."""
    from dataclasses import replace

    model = intended(stack)
    topology = model.topology
    return replace(
        model,
        facts={node.name: facts(topology, node.name) for node in topology.nodes},
        probes={"checks": probes(topology), "calls": calls()},
        live=live(model),
        pinned_hosts=tuple(node.name for node in topology.nodes),
    )


def pairs(folder: Path) -> Path:
    """A pair of keys for an object store, in AWS's notation."""
    file = folder / "s3.pairs"
    file.write_text("[default]\naws_access_key_id = of-the-store\naws_secret_access_key = its-secret\n")
    return file


def with_pairs(loaded: LoadedStack, file: Path | None) -> LoadedStack:
    """On a cloud whose file names where the pairs of keys for its object store are."""
    from dataclasses import replace

    around = loaded.cloud.surroundings
    assert around.objects
    objects = around.objects.model_copy(update={"credentials": str(file) if file else None})
    cloud = loaded.cloud.model_copy(update={"surroundings": around.model_copy(update={"objects": objects})})
    return replace(loaded, cloud=cloud)


def facts(topology: Topology, node: str) -> dict[str, Any]:
    tier, volume = topology.node(node).tier, topology.node(node).volume
    sockets = [
        {"protocol": f.protocol, "address": "0.0.0.0", "port": f.first, "process": f.name}
        for f in topology.flows.into(tier)
        if f.source not in (Place.DHCP, Place.LOOPBACK)
    ]
    return {
        "sockets": [*sockets, {"protocol": "udp", "address": "127.0.0.53%lo", "port": 53, "process": "resolved"}],
        "sshd": {
            "permitrootlogin": "no",
            "passwordauthentication": "no",
            "kbdinteractiveauthentication": "no",
            "pubkeyauthentication": "yes",
            "ciphers": "aes256-gcm@openssh.com",
            "macs": "hmac-sha2-512-etm@openssh.com",
            "kexalgorithms": "curve25519-sha256",
            "hostkeyalgorithms": "ssh-ed25519",
        },
        "sysctl": {
            "kernel.dmesg_restrict": "1",
            "kernel.kptr_restrict": "2",
            "kernel.randomize_va_space": "2",
            "kernel.sysrq": "0",
            "kernel.unprivileged_bpf_disabled": "1",
            **hardening.IPV4,
            hardening.OFF6: "1",
            **hardening.FILES,
            "kernel.yama.ptrace_scope": "1",
        },
        "hardening": hardened(),
        "failed_units": [],
        "time": {"synchronised": True, "offset": 0.0004},
        "os": {"id": "debian", "version": "13", "debian": "13.2"},
        "packages": {"openssh-server": "1:10.0"},
        "accounts": {"with_shell": ["debian", "root"], "with_password": [], "root_locked": True},
        "files": {"/etc/livekit/keys.yaml": {"owner": "root", "group": "livekit", "mode": "0640"}, "/etc/absent": None},
        "images": [{"names": ["livekit"], "digests": [f"livekit@{DIGEST}"]}],
        "firewall": firewall(topology, tier),
        "volumes": _mounted(volume) if volume else {},
        "container": False,
        "metadata": {"answers": False, "control": True},
        "collected": collected(topology) if tier == "logs" else None,
    }


def hardened() -> dict[str, Any]:
    return {
        "cmdline": list(hardening.BOOT),
        "mounts": {path: options.split() for path, options in hardening.MOUNTED.items()},
        "may_mount": True,
        "pam": ["pam_faillock", "pam_pwquality", "yescrypt"],
        "sensitive": {"/etc/shadow": "0640", "/etc/passwd": "0644"},
        "privileged": ["/usr/bin/passwd", "/usr/bin/sudo"],
        "loose": [],
        "apparmor": {"enforce": 12, "complain": 0},
        "audit": {"enabled": 2, "rules": 90},
        "updates": {"timer": "active", "reboot": False},
        "sealed": {"age": 3600, "uptime": 86_400},
    }


def _mounted(volume: Volume) -> dict[str, Any]:
    mapped = volume.encryption == "node"
    return {volume.mount: {"device": "/dev/mapper/socle-volume" if mapped else "/dev/vdb", "encrypted": mapped}}


def collected(topology: Topology) -> dict[str, Any]:
    at = 1795000000.0
    return {"at": at, "nodes": {n.name: at - 60 for n in topology.nodes}, "oldest": "2026-11-01", "exposed": []}


def firewall(topology: Topology, tier: str) -> list[dict[str, Any]]:
    """Also what is on some nodes alone: a chain of what is not tracked, and ICMP of neighbours and of long packets."""
    hooks = ("input", "forward", "output")
    chains = [{"chain": {"name": hook, "hook": hook, "prio": 0, "policy": "drop"}} for hook in hooks]
    chains.append({"chain": {"name": "untracked-out", "hook": "output", "prio": -300, "policy": "accept"}})
    names = dict.fromkeys([*(one.flow for one in openings(topology, tier)), "neighbours", "packets too big"])
    return [*chains, *({"rule": {"comment": name, "expr": [{"accept": None}]}} for name in names)]


def probes(topology: Topology) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for flow in topology.flows.reachable():
        pages = {"headers": HEADERS} if flow.target == "edge" else {}  # as the probe asks for them
        doors = [front.name for front in topology.fronts if front.tier == flow.target]
        for door in doors or [node.name for node in topology.tier(str(flow.target)).nodes]:
            names = [r.fqdn for r in topology.records if r.tier == flow.target] if flow.probe == "tls" else []
            found.append(
                {
                    "kind": "flow",
                    "subject": flow.name,
                    "outcome": "pass",
                    "seen": "answers",
                    "node": door,
                    "expected": "",
                    "facts": {name: {**HANDSHAKE, "fingerprint": str(flow.target), **pages} for name in names},
                }
            )
    for node in topology.nodes:
        if topology.tier(node.tier).public:
            found.append(
                {"kind": "ports", "subject": "tcp", "outcome": "pass", "seen": "as the matrix", "node": node.name}
            )
    found.append(
        {"kind": "signalling", "subject": "join", "outcome": "pass", "seen": "LiveKit 1, ICE servers: 2", "node": None}
    )
    return found


def calls() -> list[dict[str, Any]]:
    return [
        {"path": path, "client": "native", "failure": "", "relay": None} for path in ("direct", "turn-udp", "turn-tls")
    ]


def live(model: Model) -> dict[str, Any]:
    cloud = model.loaded.cloud
    image = cloud.images[model.loaded.release.operating_system]
    return {
        "endpoints": [{"service": s, "region": cloud.region, "url": f"https://{s}.example"} for s in cloud.services],
        "verified": True,
        "image": {"name": image.name, "visibility": "public", "sha512": image.sha512 or "b" * 128},
        "servers": {node.name: {"host": f"machine-{n}"} for n, node in enumerate(model.topology.nodes)},
        "volumes": {node.volume.name: {"encrypted": True} for node in model.topology.nodes if node.volume},
        "default_group": {"id": "d", "ports": 0, "balancers": 1, "rules": []},
    }
