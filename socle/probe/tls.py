"""A TLS port: the handshake verified against the name and the authority, and the old protocols refused."""

from __future__ import annotations

import socket
import ssl
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

TIMEOUT = 5.0
RENEW_BEFORE_DAYS = 7
OLD = ("TLSv1", "TLSv1_1")
USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
          "key_cert_sign", "crl_sign")  # fmt: skip


@dataclass(frozen=True)
class Handshake:
    """`failure` is empty when name, authority, dates and protocol are right."""

    failure: str
    protocol: str = ""
    cipher: str = ""
    not_after: str = ""
    names: tuple[str, ...] = ()
    old: dict[str, str] | None = None  # protocol -> refused, unanswered, accepted or unknown
    key: str = ""  # kind and bits: ECDSA 256
    signature: str = ""  # hash of the signature
    days: int = 0  # from its first day to its last
    issuer: str = ""
    usages: tuple[str, ...] = ()  # of its key, where they are critical
    purposes: tuple[str, ...] = ()  # object identifiers
    fingerprint: str = ""  # SHA-256


def trust(ca: Path | None) -> ssl.SSLContext:
    """The machine's authorities and the stack's own."""
    context = ssl.create_default_context()
    if ca:
        context.load_verify_locations(cafile=ca)
    return context


def handshake(address: str, port: int, name: str, ca: Path | None, *, timeout: float = TIMEOUT) -> Handshake:
    try:
        with (
            socket.create_connection((address, port), timeout) as plain,
            trust(ca).wrap_socket(plain, server_hostname=name) as tls,
        ):
            certificate: dict[str, Any] = tls.getpeercert() or {}
            protocol, cipher = tls.version() or "", (tls.cipher() or ("",))[0]
            described = _described(tls.getpeercert(binary_form=True) or b"")
    except ssl.SSLCertVerificationError as error:
        return Handshake(f"certificate refused: {error.verify_message}")
    except ssl.SSLError as error:
        return Handshake(f"no TLS: {error.reason or error}")
    except TimeoutError:
        return Handshake("no answer")
    except OSError as error:
        return Handshake(error.strerror or str(error))
    names = tuple(value for _kind, value in certificate.get("subjectAltName", ()))
    until = datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    # the handshake above is the positive control of these refusals
    old = {protocol_: _old_protocol(address, port, name, protocol_, min(timeout, 2.0)) for protocol_ in OLD}
    accepted = [protocol_ for protocol_, answer in old.items() if answer == "accepted"]
    failure = f"accepts {', '.join(accepted)}" if accepted else ""
    days = (until - datetime.now(UTC)).days
    if days < RENEW_BEFORE_DAYS:
        failure = failure or f"certificate ends in days: {days}"
    return Handshake(failure, protocol, cipher, until.isoformat(), names, old, **described)


def _described(der: bytes) -> dict[str, Any]:
    """What the controls on certificates ask for."""
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.hashes import SHA256

    certificate = x509.load_der_x509_certificate(der)
    key = certificate.public_key()
    kinds = {ec.EllipticCurvePublicKey: "ECDSA", rsa.RSAPublicKey: "RSA"}
    kind = next((name for type_, name in kinds.items() if isinstance(key, type_)), "EdDSA")
    hashed = certificate.signature_hash_algorithm
    return {
        "key": f"{kind} {getattr(key, 'key_size', 256)}",
        "signature": hashed.name if hashed else "ed25519",
        "days": (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days,
        "issuer": certificate.issuer.rfc4514_string(),
        "usages": _usages(certificate),
        "purposes": _purposes(certificate),
        "fingerprint": certificate.fingerprint(SHA256()).hex(),
    }


def _usages(certificate: Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name for name in USAGES if found.critical and getattr(found.value, name))


def _purposes(certificate: Certificate) -> tuple[str, ...]:
    from cryptography import x509

    try:
        found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return ()
    return tuple(purpose.dotted_string for purpose in found.value)


def _old_protocol(address: str, port: int, name: str, protocol: str, timeout: float) -> str:
    """Offers one old protocol and nothing newer. Only an answer of the server counts as a refusal."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            context.set_ciphers("ALL:@SECLEVEL=0")
            context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, protocol)
    except (ssl.SSLError, ValueError):
        return "unknown"  # this machine's OpenSSL cannot even offer it
    try:
        with (
            socket.create_connection((address, port), timeout) as plain,
            context.wrap_socket(plain, server_hostname=name),
        ):
            return "accepted"
    except (ssl.SSLEOFError, ConnectionResetError):
        return "refused"
    except ssl.SSLError as error:
        return "refused" if "ALERT" in (error.reason or "") else "unknown"
    except TimeoutError:
        return "unanswered"  # coturn's way of refusing: it keeps silent where a newer handshake was answered at once
    except OSError:
        return "unknown"
