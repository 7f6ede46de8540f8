"""Certificates: who issued them, what they are for, how strong, how long. TLS."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime

from policies import targets
from policies.probes import Endpoint, answered, handshakes, spoiled
from policies.territory import EU
from socle.policy.model import Model
from socle.policy.mutation import in_file
from socle.policy.outcome import Outcome, failed, judged, unknown
from socle.policy.rule import rule

LONGEST_CERTIFICATE = 825  # days, TLS guide R25
RENEW_BEFORE = 21  # days, our value
WORLD_AUTHORITIES = ("letsencrypt", "zerossl", "buypass.com", "google", "digicert", "sectigo")
OF_A_SERVER = {"digital_signature", "key_encipherment", "key_agreement"}  # TLS guide R27
SERVER = "1.3.6.1.5.5.7.3.1"  # id-kp-serverAuth
CLIENT = "1.3.6.1.5.5.7.3.2"


@rule("TLS-06", phase="runtime", on=handshakes, broken_by=answered(key="RSA 1024", signature="sha256", days=90))
def certificates_are_strong(endpoint: Endpoint, _model: Model) -> Outcome:
    wanted = f"SHA-2, at most {LONGEST_CERTIFICATE} days, RSA 2048 or ECDSA 256 at least"
    key, signature, days = (endpoint.get(name) for name in ("key", "signature", "days"))
    if not (key and signature and days):
        return unknown(endpoint.why or "the certificate was not read", settled_in="runtime", expected=wanted)
    kind, _, bits = str(key).partition(" ")
    long_enough = int(bits or 0) >= (2048 if kind == "RSA" else 256)
    sha2 = any(name in str(signature).lower() for name in ("sha256", "sha384", "sha512", "ed25519"))
    return judged(long_enough and sha2 and int(days) <= LONGEST_CERTIFICATE, f"{key}, {signature}, {days} days", wanted)


@rule("TLS-07", phase="runtime", on=handshakes, broken_by=answered(purposes=["2.5.29.37.0"]))
def certificates_are_for_servers(endpoint: Endpoint, _model: Model) -> Outcome:
    """Nodes that call each other with their own certificate have the client's purpose beside."""
    wanted = "a critical key usage of signatures and keys, servers (and clients) as the only purposes"
    usages, purposes = endpoint.get("usages"), endpoint.get("purposes")
    if usages is None or purposes is None:
        return unknown(endpoint.why or "the certificate was not read", settled_in="runtime", expected=wanted)
    strange = [*sorted(set(usages) - OF_A_SERVER), *sorted(set(purposes) - {SERVER, CLIENT})]
    missing = [*([] if usages else ["no critical key usage"]), *([] if SERVER in purposes else ["not for servers"])]
    seen = f"{', '.join(usages) or 'nothing'}; {', '.join(purposes) or 'any purpose'}"
    return judged(not strange and not missing, [*missing, *strange] or seen, wanted)


_ONE_EVERYWHERE = spoiled(lambda facts: facts.update(fingerprint="00" * 32), everywhere=True)


@rule("TLS-08", phase="runtime", on=targets.stack, broken_by=_ONE_EVERYWHERE)
def services_have_their_own_certificates(_stack: targets.Whole, model: Model) -> Outcome:
    """Nodes that answer to the same names are one service, and may share one."""
    wanted = "no certificate, and so no key, at two services"
    found: defaultdict[str, set[str]] = defaultdict(set)
    for endpoint in handshakes(model):
        if endpoint.get("fingerprint"):
            found[str(endpoint.get("fingerprint"))].add(endpoint.tier)
    if not found:
        return unknown("no certificate was read", settled_in="runtime", expected=wanted)
    shared = [" and ".join(sorted(tiers)) for tiers in found.values() if len(tiers) > 1]
    return judged(not shared, shared or f"certificates: {len(found)}, each of one service", wanted)


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


@rule("TLS-10", phase="runtime", on=handshakes, broken_by=answered(issuer="C=US, O=Let's Encrypt, CN=R3"))
def issued_by_a_declared_authority(endpoint: Endpoint, model: Model) -> Outcome:
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


@rule("TLS-11", phase="runtime", on=handshakes, broken_by=answered(not_after="2020-01-01T00:00:00+00:00"))
def certificates_last(endpoint: Endpoint, model: Model) -> Outcome:
    wanted = f"more than {RENEW_BEFORE} days left"
    until = endpoint.get("not_after")
    if not until:
        return unknown(endpoint.why or "no handshake", settled_in="runtime", expected=wanted)
    days = (datetime.fromisoformat(str(until)).date() - model.today).days
    return judged(days > RENEW_BEFORE, f"{days} days left", wanted)
