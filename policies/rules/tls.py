"""TLS and certificates: TLS."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from policies import targets
from policies.formats import first, last, nginx, pairs
from policies.probes import handshakes
from policies.territory import EU
from socle.policy.model import File, Model
from socle.policy.mutation import Mutation, in_file, in_probes
from socle.policy.outcome import Outcome, failed, judged, not_applicable, unknown
from socle.policy.rule import rule

MODERN = {"TLSv1.2", "TLSv1.3"}
YEAR = 31_536_000  # seconds
LONGEST_CERTIFICATE = 825  # days, TLS guide R25
RENEW_BEFORE = 21  # days, our value
WORLD_AUTHORITIES = ("letsencrypt", "zerossl", "buypass.com", "google", "digicert", "sectigo")


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


def _each_handshake(model: Model) -> Iterator[Any]:
    return handshakes(model)


def _spoilt(**values: Any) -> Mutation:
    """A mutation: the first TLS endpoint answered otherwise."""

    def change(probes: dict[str, Any]) -> None:
        for check in probes["checks"]:
            for facts in check.get("facts", {}).values():
                if isinstance(facts, dict) and "cipher" in facts:
                    facts.update(values)
                    return
        raise LookupError("no TLS endpoint was probed")

    return in_probes(change)


@rule("TLS-01", phase="runtime", on=_each_handshake, broken_by=_spoilt(protocol="TLSv1"))
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


@rule("TLS-02", phase="runtime", on=_each_handshake, broken_by=_spoilt(protocol="TLSv1.2", cipher="AES256-GCM-SHA384"))
def forward_secrecy(endpoint: Any, _model: Model) -> Outcome:
    wanted = "ECDHE, or TLS 1.3"
    if not endpoint.seen or not endpoint.get("cipher"):
        return unknown(endpoint.why or "no handshake", settled_in="runtime", expected=wanted)
    cipher, protocol = str(endpoint.get("cipher")), endpoint.get("protocol")
    return judged(protocol == "TLSv1.3" or cipher.startswith("ECDHE"), f"{protocol} {cipher}", wanted)


@rule("TLS-03", phase="runtime", on=_each_handshake, broken_by=_spoilt(cipher="ECDHE-RSA-DES-CBC3-SHA"))
def authenticated_encryption(endpoint: Any, _model: Model) -> Outcome:
    wanted = "AES-GCM, AES-CCM or ChaCha20-Poly1305"
    if not endpoint.seen or not endpoint.get("cipher"):
        return unknown(endpoint.why or "no handshake", settled_in="runtime", expected=wanted)
    cipher = str(endpoint.get("cipher")).upper()
    good = any(mode in cipher for mode in ("GCM", "CHACHA20", "CCM")) and "CCM8" not in cipher.replace("_", "")
    return judged(good, cipher, wanted)


@rule("TLS-06", phase="runtime", on=_each_handshake, broken_by=_spoilt(key="RSA 1024", signature="sha256", days=90))
def certificates_are_strong(endpoint: Any, _model: Model) -> Outcome:
    wanted = f"SHA-2, at most {LONGEST_CERTIFICATE} days, RSA 2048 or ECDSA 256 at least"
    key, signature, days = (endpoint.get(name) for name in ("key", "signature", "days"))
    if not (key and signature and days):
        return unknown(endpoint.why or "the certificate was not read", settled_in="runtime", expected=wanted)
    kind, _, bits = str(key).partition(" ")
    long_enough = int(bits or 0) >= (2048 if kind == "RSA" else 256)
    sha2 = any(name in str(signature).lower() for name in ("sha256", "sha384", "sha512", "ed25519"))
    return judged(long_enough and sha2 and int(days) <= LONGEST_CERTIFICATE, f"{key}, {signature}, {days} days", wanted)


@rule(
    "TLS-10",
    phase="config",
    on=targets.stack,
    key=("cloud",),
    broken_by=in_file("edge", "nginx.conf", r"\A", "# acme https://acme-v02.api.letsencrypt.org/directory\n"),
)
def a_declared_authority(_stack: targets.Whole, model: Model) -> Outcome:
    wanted = "a certification authority that the ministry declares"
    declared = model.loaded.stack.certificates
    texts = [file.text or "" for tier in ("edge", "turn") for file in model.files_of(tier)]
    if declared.issuer == "acme":
        texts.append(declared.directory or "")
    foreign = [name for name in WORLD_AUTHORITIES if any(f"{name}." in text.lower() for text in texts)]
    if foreign:
        return failed(f"a public authority outside the EU: {', '.join(foreign)}", wanted)
    if declared.issuer == "acme":
        seen = f"an ACME authority in {declared.country}: {declared.directory}"
        return judged(declared.country in EU, seen, f"{wanted}, established in the EU")
    issuer = model.loaded.cloud.certificates.issuer
    if issuer is None:
        return unknown(
            "certificates are handed in: their issuer is read on the service", settled_in="runtime", expected=wanted
        )
    return judged(True, f"the operator's own authority: {issuer.certificate}", wanted)


@rule("TLS-10", phase="runtime", on=_each_handshake, broken_by=_spoilt(issuer="C=US, O=Let's Encrypt, CN=R3"))
def issued_by_a_declared_authority(endpoint: Any, model: Model) -> Outcome:
    wanted = "an issuer that the ministry declares"
    issuer = endpoint.get("issuer")
    if not issuer:
        return unknown(endpoint.why or "the issuer was not read", settled_in="runtime", expected=wanted)
    if "C=US" in str(issuer):
        return failed(issuer, wanted)
    declared = model.loaded.stack.certificates
    if declared.issuer == "acme":
        return judged(f"C={declared.country}" in re.split(r"\s*,\s*", str(issuer)), issuer, f"C={declared.country}")
    if model.loaded.cloud.certificates.issuer is None:
        return unknown(issuer, settled_in="process", expected=wanted)
    return judged(True, issuer, wanted)


@rule("TLS-11", phase="runtime", on=_each_handshake, broken_by=_spoilt(not_after="2020-01-01T00:00:00+00:00"))
def certificates_last(endpoint: Any, model: Model) -> Outcome:
    wanted = f"more than {RENEW_BEFORE} days left"
    until = endpoint.get("not_after")
    if not until:
        return unknown(endpoint.why or "no handshake", settled_in="runtime", expected=wanted)
    days = (datetime.fromisoformat(str(until)).date() - model.today).days
    return judged(days > RENEW_BEFORE, f"{days} days left", wanted)


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
    good = bool(values) and all(_age(value) >= YEAR and "includesubdomains" in value.lower() for value in values)
    return judged(good, values or "no such header", wanted)


def _age(value: str) -> int:
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
