"""Media servers and relays: MED."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from policies import matrix, targets
from policies.formats import Directives, last, pairs, yaml_of
from policies.probes import checks
from socle.graph import Resource
from socle.graph.model import SECURITY_GROUP_RULE
from socle.policy.model import File, Model
from socle.policy.mutation import added_to_file, in_file, in_probes, inputs, on_resource
from socle.policy.outcome import Outcome, failed, judged, not_applicable, passed, unknown
from socle.policy.rule import rule

LIVEKIT = targets.file("media", "livekit.yaml")
COTURN = targets.file("turn", "turnserver.conf")
RECORDERS = "recording"  # the tier
SHORTEST_SECRET = 32  # characters; 256 bits of a token written in base64 take 43
# peers that a relay never reaches: this host, private, shared, link-local, multicast
DENIED = ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
          "192.168.0.0/16", "224.0.0.0/4", "::1/128", "fc00::/7", "fe80::/10")  # fmt: skip


def _livekit(file: File) -> Mapping[str, Any] | None:
    return yaml_of(file.text) if file.text is not None else None


def _rtc(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return settings.get("rtc") or {}


@rule(
    "MED-01", phase="config", on=LIVEKIT, broken_by=in_file("media", "livekit.yaml", r"\Z", "\nkeys: {APIabc: short}\n")
)
def livekit_keys_live_in_a_file(file: File, _model: Model) -> Outcome:
    wanted = "a key file, or keys of 256 bits handed over as a secret"
    settings = _livekit(file)
    if settings is None:
        return failed("not rendered", wanted)
    keys = settings.get("keys") or {}
    if keys:
        short = [name for name, value in keys.items() if len(str(value)) < SHORTEST_SECRET]
        return failed(f"keys written in the file{', too short' if short else ''}", wanted)
    if settings.get("key_file"):
        return passed(f"key_file: {settings['key_file']}", wanted)
    return unknown("keys come from elsewhere", settled_in="runtime", expected=wanted)


@rule(
    "MED-03",
    phase="config",
    on=LIVEKIT,
    broken_by=in_file("media", "livekit.yaml", r"\Z", "\nturn: {enabled: true, udp_port: 3478}\n"),
)
def embedded_relay_off_or_fenced(file: File, _model: Model) -> Outcome:
    wanted = "embedded relay off, or fenced: denied peers, a limit per user, 300 s at most"
    settings = _livekit(file)
    if settings is None:
        return failed("not rendered", wanted)
    turn = settings.get("turn") or {}
    if not turn.get("enabled"):
        return not_applicable("LiveKit's embedded relay is off; MED-04 judges coturn")
    fenced = bool(
        turn.get("deny_peer_cidrs")
        and not turn.get("allow_restricted_peer_cidrs")
        and int(turn.get("per_user_relay_allocation_limit") or 0) > 0
        and 0 < int(turn.get("ttl_seconds") or 0) <= 300
    )
    return judged(fenced, "embedded relay on", wanted)


@rule(
    "MED-04",
    phase="config",
    on=COTURN,
    broken_by=added_to_file("turn", "turnserver.conf", "allowed-peer-ip=169.254.169.254"),
)
def relay_reaches_the_media_nodes_alone(file: File, model: Model) -> Outcome:
    wanted = "every private range denied, media nodes alone allowed, no multicast, no loopback"
    if file.text is None:
        return failed("not rendered", wanted)
    options = pairs(file.text, "=")
    denied = [block for value in options.get("denied-peer-ip", ()) for block in _range(value)]
    open_ = [block for block in DENIED if not _covered(ip_network(block), denied)]
    if open_:
        return failed(f"not denied: {', '.join(open_)}", wanted)
    if "allow-loopback-peers" in options:
        return failed("allow-loopback-peers", wanted)
    if "no-multicast-peers" not in options:
        return failed("multicast peers allowed", wanted)
    media = {node.address for node in model.topology.nodes if node.tier == "media"}
    fenced = [ip_network(block) for block in (*DENIED, model.topology.cidr)]
    strangers = [v for v in options.get("allowed-peer-ip", ()) if v not in media and _touches(v, fenced)]
    return judged(
        not strangers,
        f"allowed besides: {', '.join(strangers)}" if strangers else "denied and allowed as wanted",
        wanted,
    )


def _range(value: str) -> Iterator[Any]:
    """`a`, `a/n` or `a-b`, as networks."""
    from ipaddress import summarize_address_range

    low, _, high = value.partition("-")
    try:
        if high:
            yield from summarize_address_range(ip_address(low.strip()), ip_address(high.strip()))
        else:
            yield ip_network(low.strip(), strict=False)
    except (ValueError, TypeError):
        return


def _covered(block: Any, blocks: list[Any]) -> bool:
    """True when the blocks together hold every address of `block`."""
    same = [b for b in blocks if b.version == block.version]
    if any(block.subnet_of(other) for other in same):
        return True
    left = [block]
    for other in same:
        rest = []
        for piece in left:
            if piece.subnet_of(other):
                continue
            rest += list(piece.address_exclude(other)) if other.subnet_of(piece) else [piece]
        left = rest
    return not left


def _touches(value: str, blocks: list[Any]) -> bool:
    return any(network.version == b.version and network.overlaps(b) for network in _range(value) for b in blocks)


@rule(
    "MED-05",
    phase="config",
    on=COTURN,
    broken_by=added_to_file("turn", "turnserver.conf", "no-auth"),
)
def relay_asks_for_credentials(file: File, model: Model) -> Outcome:
    wanted = "use-auth-secret, quotas, stale nonces, no console, the matrix's range of ports"
    if file.text is None:
        return failed("not rendered", wanted)
    options = pairs(file.text, "=")
    low, high = last(options, "min-port"), last(options, "max-port")
    relay = model.topology.flows.get("relay")
    problems = [
        *(["no-auth"] if "no-auth" in options else []),
        *([] if "use-auth-secret" in options else ["no use-auth-secret"]),
        *(["web-admin"] if "web-admin" in options else []),
        *(["cli"] if _console(options) else []),
        *(f"{name} unlimited" for name in ("user-quota", "total-quota") if not _positive(last(options, name))),
        *([] if "stale-nonce" in options else ["no stale-nonce"]),
        *([] if "no-software-attribute" in options else ["says its version"]),
        *([] if (low, high) == (str(relay.first), str(relay.last)) else [f"ports {low or '?'}-{high or '?'}"]),
    ]
    return judged(not problems, problems or "all as wanted", wanted)


def _console(options: Directives) -> bool:
    return "cli" in options or "cli-port" in options


def _positive(text: str) -> bool:
    return text.isdigit() and int(text) > 0


def _inner_peer_reached(probes: dict[str, Any]) -> None:
    node = next(check["node"] for check in probes["checks"] if check["subject"] == "turn-udp")
    check = {"kind": "relay", "subject": "peers", "outcome": "fail", "node": node, "seen": "127.0.0.1 reached"}
    probes["checks"].append(check)


@rule(
    "MED-06",
    phase="runtime",
    on=lambda model: tuple(node.name for node in model.topology.nodes if node.tier == "turn"),
    broken_by=in_probes(_inner_peer_reached),
)
def relay_refuses_inner_peers(node: str, model: Model) -> Outcome:
    wanted = "permissions to this host, to metadata and to the data tier refused"
    for check in checks(model, "relay"):
        if check.get("node") == node:
            return judged(check["outcome"] == "pass", check["seen"], wanted)
    return unknown("no inner peer was asked for", settled_in="runtime", expected=wanted)


@rule(
    "MED-08",
    phase="plan",
    on=SECURITY_GROUP_RULE,
    broken_by=on_resource(
        SECURITY_GROUP_RULE,
        inputs(port_range_min=7000, port_range_max=8000, direction="ingress", protocol="udp"),
        tier="media",
    ),
)
def media_ports_on_media_tiers(opening: Resource, model: Model) -> Outcome:
    seen = matrix.opened(opening, model)
    carrying = [tier.name for tier in model.topology.tiers if tier.carries_calls]
    if seen is None or seen.protocol != "udp" or seen.direction != "ingress" or seen.first < 1024:
        return not_applicable("no media port")
    ranges = {(f.first, f.last) for f in model.topology.flows if f.protocol == "udp" and f.target == seen.tier}
    good = seen.tier in carrying and (seen.first, seen.last) in ranges
    return judged(good, seen, "the matrix's media and relay ranges, on tiers that carry calls")


@rule(
    "MED-08",
    phase="config",
    on=LIVEKIT,
    broken_by=in_file("media", "livekit.yaml", r"tcp_port: *\d+", "tcp_port: 9999"),
)
def livekit_ports_equal_the_matrix(file: File, model: Model) -> Outcome:
    flows = model.topology.flows
    udp, tcp = flows.get("media-udp"), flows.get("media-tcp")
    wanted = f"udp {udp.ports}, tcp {tcp.ports}"
    settings = _livekit(file)
    if settings is None:
        return failed("not rendered", wanted)
    rtc = _rtc(settings)
    mux = rtc.get("udp_port")
    if mux:
        low, _, high = str(mux).partition("-")
    else:
        low, high = str(rtc.get("port_range_start", 50000)), str(rtc.get("port_range_end", 60000))
    good = (low, high or low) == (str(udp.first), str(udp.last)) and rtc.get("tcp_port") == tcp.first
    return judged(good, f"udp {low}-{high or low}, tcp {rtc.get('tcp_port')}", wanted)


def _calls_fail(probes: dict[str, Any]) -> None:
    for call in probes["calls"]:
        call.update(failure="no media")


@rule(
    "MED-08",
    phase="runtime",
    on=lambda model: tuple(f"call {path}" for path in ("direct", "turn-udp", "turn-tls")),
    broken_by=in_probes(_calls_fail),
)
def calls_pass_by_the_matrix_s_ports(call: str, model: Model) -> Outcome:
    wanted = "audio and video both ways, along the path that was asked"
    made = [one for one in (model.probes or {}).get("calls") or () if one["path"] == call.partition(" ")[2]]
    if not made:
        return unknown("no call was made", settled_in="runtime", expected=wanted)
    broken = [f"{one.get('relay') or 'direct'}: {one['failure']}" for one in made if one["failure"]]
    seen = [f"{one['client']} {one.get('relay') or 'direct'}: media both ways" for one in made]
    return judged(not broken, broken or seen, wanted)


@rule(
    "MED-09",
    phase="config",
    on=LIVEKIT,
    broken_by=in_file("media", "livekit.yaml", "enable_loopback_candidate: false", "enable_loopback_candidate: true"),
)
def candidates_are_the_node_s_own(file: File, _model: Model) -> Outcome:
    wanted = "node_ip given, no loopback candidate"
    settings = _livekit(file)
    if settings is None:
        return failed("not rendered", wanted)
    rtc = _rtc(settings)
    if rtc.get("enable_loopback_candidate"):
        return failed("loopback candidate on", wanted)
    return judged(bool(rtc.get("node_ip")), f"node_ip {rtc.get('node_ip') or 'not given'}", wanted)


@rule(
    "MED-10",
    phase="config",
    on=LIVEKIT,
    key=("domain",),
    broken_by=in_file("media", "livekit.yaml", "use_external_ip: false", "use_external_ip: true"),
)
def no_stranger_s_stun(file: File, model: Model) -> Outcome:
    wanted = f"STUN of the stack alone, use_external_ip off: turn.{model.topology.domain}"
    settings = _livekit(file)
    if settings is None:
        return failed("not rendered", wanted)
    rtc = _rtc(settings)
    if rtc.get("use_external_ip"):
        return failed("use_external_ip: the server asks the default public STUN servers", wanted)
    named = [str(s) for s in rtc.get("stun_servers") or ()] + [
        str(s.get("host")) for s in rtc.get("turn_servers") or ()
    ]
    if not named:
        return failed("no STUN or TURN server named: clients fall back to public ones", wanted)
    hosts = {re.split(r":(?=\d+$)", name)[0] for name in named}
    inside = ip_network(model.topology.cidr)
    strangers = sorted(host for host in hosts if not _ours(host, model.topology.domain, inside))
    return judged(not strangers, strangers or sorted(hosts), wanted)


def _ours(host: str, domain: str, inside: Any) -> bool:
    try:
        return ip_address(host) in inside
    except ValueError:
        return host == domain or host.endswith(f".{domain}")


@rule(
    "MED-12",
    phase="config",
    on=LIVEKIT,
    broken_by=in_file("media", "livekit.yaml", r"max_participants: *\d+", "max_participants: 0"),
)
def rooms_have_limits(file: File, model: Model) -> Outcome:
    wanted = f"at most {model.loaded.stack.people.largest_room} participants, an empty room closes"
    settings = _livekit(file)
    if settings is None:
        return failed("not rendered", wanted)
    room = settings.get("room") or {}
    most = int(room.get("max_participants") or 0)
    empty = int(room.get("empty_timeout") or 300)  # LiveKit's default, seconds
    return judged(
        0 < most <= max(model.loaded.stack.people.largest_room, 2),
        f"{most or 'unlimited'} participants, empty rooms close after {empty} s",
        wanted,
        key=("people", "largest_room"),
    )


def _with_public_recorders(model: Model) -> Model:
    from dataclasses import replace

    tier = replace(model.topology.tier("edge"), name=RECORDERS)
    others = tuple(one for one in model.topology.tiers if one.name != RECORDERS)
    return replace(model, topology=replace(model.topology, tiers=(*others, tier)))


@rule(
    "MED-15",
    phase="plan",
    on=targets.stack,
    key=("features", "recording"),
    broken_by=_with_public_recorders,
)
def recorders_stand_apart(_stack: targets.Whole, model: Model) -> Outcome:
    tier = model.tier(RECORDERS)
    if tier is None:
        return not_applicable("no recorder is deployed")
    return judged(not tier.public, "public" if tier.public else "private", "no public address")
