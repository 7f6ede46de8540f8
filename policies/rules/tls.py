"""TLS: protocols, ciphers, headers, clear text."""

from __future__ import annotations

from typing import Any

from policies import targets
from policies.formats import first, last, nginx, pairs
from policies.probes import answered, handshakes
from socle.policy.model import File, Model
from socle.policy.mutation import in_file
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule

MODERN = {"TLSv1.2", "TLSv1.3"}
YEAR = 31_536_000  # seconds


@rule(
    "TLS-01",
    phase="config",
    on=targets.files(
        ("edge", "nginx.conf"), ("turn", "turnserver.conf"), ("bus", "valkey.conf"), ("cache", "valkey.conf")
    ),
    broken_by=in_file("edge", "nginx.conf", r"ssl_protocols [^;]*;", "ssl_protocols TLSv1 TLSv1.2;"),
)
def old_protocols_off(file: File, _model: Model) -> Outcome:
    wanted = "TLS 1.2 and 1.3 only"
    if file.text is None:
        return failed("not rendered", wanted)
    if file.tier == "edge":
        lines = [set(d.arguments) for d in nginx(file.text) if d.name == "ssl_protocols"]
        offered = set().union(*lines) if lines else {"nginx's default"}
        return judged(bool(lines) and offered <= MODERN, sorted(offered), wanted)
    if file.tier == "turn":
        options = pairs(file.text, "=")
        kept = [name for name in ("tlsv1", "tlsv1_1") if name in options]  # coturn refuses both unless told otherwise
        return judged(not kept, kept or "coturn's default, 1.2 or later", wanted)
    offered = set(last(pairs(file.text), "tls-protocols").replace('"', "").split()) or {"TLSv1.2", "TLSv1.3"}
    return judged(offered <= MODERN, sorted(offered), wanted)


@rule("TLS-01", phase="runtime", on=handshakes, broken_by=answered(protocol="TLSv1"))
def handshakes_are_modern(endpoint: Any, _model: Model) -> Outcome:
    wanted = "TLS 1.3 or 1.2; 1.0 and 1.1 refused"
    if not endpoint.seen:
        return unknown(endpoint.why, settled_in="runtime", expected=wanted)
    protocol, old = endpoint.get("protocol"), endpoint.get("old") or {}
    if not protocol:
        return failed(endpoint.get("failure") or "no handshake", wanted)
    accepted = [name for name, answer in old.items() if answer == "accepted"]
    if protocol in MODERN and not accepted and set(old.values()) != {"refused"}:
        return unknown(f"{protocol}; old protocols could not be offered", settled_in="runtime", expected=wanted)
    return judged(
        protocol in MODERN and not accepted, f"{protocol}; accepted besides: {', '.join(accepted) or 'none'}", wanted
    )


@rule("TLS-02", phase="runtime", on=handshakes, broken_by=answered(protocol="TLSv1.2", cipher="AES256-GCM-SHA384"))
def forward_secrecy(endpoint: Any, _model: Model) -> Outcome:
    wanted = "ECDHE, or TLS 1.3"
    if not endpoint.seen or not endpoint.get("cipher"):
        return unknown(endpoint.why or "no handshake", settled_in="runtime", expected=wanted)
    cipher, protocol = str(endpoint.get("cipher")), endpoint.get("protocol")
    return judged(protocol == "TLSv1.3" or cipher.startswith("ECDHE"), f"{protocol} {cipher}", wanted)


@rule("TLS-03", phase="runtime", on=handshakes, broken_by=answered(cipher="ECDHE-RSA-DES-CBC3-SHA"))
def authenticated_encryption(endpoint: Any, _model: Model) -> Outcome:
    wanted = "AES-GCM, AES-CCM or ChaCha20-Poly1305"
    if not endpoint.seen or not endpoint.get("cipher"):
        return unknown(endpoint.why or "no handshake", settled_in="runtime", expected=wanted)
    cipher = str(endpoint.get("cipher")).upper()
    good = any(mode in cipher for mode in ("GCM", "CHACHA20", "CCM")) and "CCM8" not in cipher.replace("_", "")
    return judged(good, cipher, wanted)


@rule(
    "TLS-12",
    phase="config",
    on=targets.file("edge", "nginx.conf"),
    broken_by=in_file("edge", "nginx.conf", r"max-age=\d+", "max-age=60"),
)
def strict_transport(file: File, _model: Model) -> Outcome:
    wanted = f"max-age of {YEAR} at least, includeSubDomains"
    headers = [
        d
        for d in nginx(file.text or "")
        if d.name == "add_header" and d.arguments[:1] == ("Strict-Transport-Security",)
    ]
    values = [" ".join(d.arguments[1:2]) for d in headers]
    good = bool(values) and all(age(value) >= YEAR and "includesubdomains" in value.lower() for value in values)
    return judged(good, values or "no such header", wanted)


def age(value: str) -> int:
    """Seconds of a Strict-Transport-Security header."""
    digits = value.lower().partition("max-age=")[2].split(";")[0].strip()
    return int(digits) if digits.isdigit() else 0


@rule(
    "TLS-05",
    phase="config",
    on=targets.file("edge", "nginx.conf"),
    broken_by=in_file("edge", "nginx.conf", r"ssl_protocols", "ssl_early_data on;\n ssl_protocols"),
)
def no_early_data(file: File, _model: Model) -> Outcome:
    if file.text is None:
        return failed("not rendered", "no early data, no long tickets")
    early = [d for d in nginx(file.text) if d.name == "ssl_early_data" and "on" in d.arguments]
    tickets = [d for d in nginx(file.text) if d.name == "ssl_session_tickets"]
    on = not tickets or any("on" in d.arguments for d in tickets)
    seen = f"early data {'on' if early else 'off'}, tickets {'on' if on else 'off'}"
    return judged(not early and not on, seen, "early data off, tickets off")


@rule(
    "STO-09",
    phase="config",
    on=targets.files(("bus", "valkey.conf"), ("cache", "valkey.conf")),
    broken_by=in_file("bus", "valkey.conf", r"^port 0", "port 6379"),
)
def valkey_over_tls_alone(file: File, _model: Model) -> Outcome:
    wanted = "port 0, a TLS port, protected mode, a password or users"
    if file.text is None:
        return failed("not rendered", wanted)
    options = pairs(file.text)
    clear, tls = first(options, "port", "6379"), first(options, "tls-port", "0")
    users = any(name in options for name in ("aclfile", "user", "requirepass", "include"))
    open_ = first(options, "protected-mode", "yes") == "no"
    seen = f"port {clear}, TLS port {tls}, users {'yes' if users else 'no'}, protected mode {'no' if open_ else 'yes'}"
    return judged(clear == "0" and tls != "0" and users and not open_, seen, wanted)


@rule(
    "MED-11",
    phase="config",
    on=targets.files(("media", "livekit.yaml"), ("recording", "egress.yaml"), ("telephony", "sip.yaml")),
    broken_by=in_file("media", "livekit.yaml", r"^redis:.*?(?=^\S)", "redis: {address: '10.0.0.1:6379'}\n"),
)
def the_bus_is_reached_over_tls(file: File, _model: Model) -> Outcome:
    from policies.formats import yaml_of

    bus = yaml_of(file.text or "").get("redis")
    if not bus:
        return failed("no bus", "redis with TLS") if file.text is None else not_applicable("no bus: one node alone")
    tls = bus.get("tls") or {}
    on = bool(bus.get("use_tls") or tls.get("enabled"))
    careless = bool(tls.get("insecure"))
    seen = f"TLS {'on' if on else 'off'}{', certificates not verified' if careless else ''}"
    return judged(on and not careless, seen, "TLS on, certificates verified")
