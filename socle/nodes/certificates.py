"""Certificates of the stack's services: signed by the cloud's internal authority, or asked for by a CSR.

Those that browsers see may come from an ACME authority instead (`acme`); their pairs say from which directory.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

from socle import paths
from socle.engine.build import say
from socle.errors import CloudError, NodeError
from socle.messages import _
from socle.stack.load import LoadedStack
from socle.topology.model import Secret

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

LIFETIME = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)
BACKDATED = timedelta(minutes=10)  # a node's clock may be behind ours


class CertificatesError(NodeError):
    """A certificate that a service needs cannot be had."""


def current_or_new(loaded: LoadedStack, secret: Secret, current: Any, now: datetime) -> dict[str, str]:
    """`{key, certificate}` in PEM: the current pair while it is good, else a new one.

    Without an authority the certificate may be empty: see `require_all`.
    """
    if current and _still_good(current, secret, now, loaded):
        return dict(current)
    issuer = loaded.cloud.certificates.issuer
    if issuer is None:
        return _handed_over(loaded, secret, current, now)
    key = _new_key()
    return {"key": _pem(key), "certificate": _signed(secret, key, Path(issuer.certificate), Path(issuer.key), now)}


def expiry(pair: Any) -> datetime:
    from cryptography import x509

    return x509.load_pem_x509_certificate(pair["certificate"].encode()).not_valid_after_utc


def _still_good(pair: Any, secret: Secret, now: datetime, loaded: LoadedStack) -> bool:
    if not pair.get("certificate"):
        return False
    from cryptography import x509

    chain = x509.load_pem_x509_certificates(pair["certificate"].encode())
    issuer = loaded.cloud.certificates.issuer
    if issuer is not None and not _issued_by(chain[0], Path(issuer.certificate)):
        return False  # the authority was made anew
    return _lasts(chain[0], now) and _names_of(chain[0]) == set(secret.names)


def _lasts(certificate: x509.Certificate, now: datetime) -> bool:
    """One that is good for less than ninety days is renewed when a third of them is left."""
    until = certificate.not_valid_after_utc
    return until - now > min(RENEW_BEFORE, (until - certificate.not_valid_before_utc) / 3)


def by_acme(loaded: LoadedStack, secret: Secret) -> bool:
    return secret.kind == "certificate" and secret.public and loaded.stack.certificates.issuer == "acme"


def of_acme(
    loaded: LoadedStack, secret: Secret, current: Any, now: datetime, obtain: Callable[[str], str]
) -> dict[str, str]:
    """`{key, certificate, directory}`. `obtain`: from a request to its chain, both in PEM.

    A pair that is only near its end stays where the authority cannot renew it, and that is said. Raises CloudError.
    """
    from cryptography import x509

    directory = loaded.stack.certificates.directory or ""
    usable = False
    if current and current.get("directory") == directory and current["certificate"]:
        leaf = x509.load_pem_x509_certificate(current["certificate"].encode())
        usable = _names_of(leaf) == set(secret.names) and leaf.not_valid_after_utc > now
        if usable and _lasts(leaf, now):
            return dict(current)
    key = _pem(_new_key())
    say(_("certificate of {names}: asking {directory}").format(names=", ".join(secret.names), directory=directory))
    try:
        chain = obtain(_request(secret, key))
        _refuse_others(secret, key, chain, directory)
    except CloudError as error:
        if not usable:
            raise
        until = expiry(current).date().isoformat()
        say("\n".join(error.lines()))
        say(_("the certificate of {names} is kept, until {day}").format(names=", ".join(secret.names), day=until))
        return dict(current)
    return {"key": key, "certificate": chain, "directory": directory}


def _refuse_others(secret: Secret, key: str, chain: str, directory: str) -> None:
    """Raises CloudError for a certificate that is not the one that was asked for."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        leaf = x509.load_pem_x509_certificate(chain.encode())
        asked = leaf.public_key() == load_pem_private_key(key.encode(), None).public_key()
    except ValueError:
        asked = False
    if not asked or _names_of(leaf) != set(secret.names):
        raise CloudError("SOC-4411", "the ACME authority signed something else: {directory}", directory=directory)


def _issued_by(certificate: x509.Certificate, authority: Path) -> bool:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(_read(authority)))
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _names_of(certificate: x509.Certificate) -> set[str]:
    from cryptography import x509

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def _new_key() -> EllipticCurvePrivateKey:
    from cryptography.hazmat.primitives.asymmetric import ec

    return ec.generate_private_key(ec.SECP256R1())


def _pem(key: EllipticCurvePrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization as form

    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption()).decode()


def _alternative_names(secret: Secret) -> x509.SubjectAlternativeName:
    from cryptography import x509

    def one(name: str) -> x509.GeneralName:
        try:
            return x509.IPAddress(ip_address(name))
        except ValueError:
            return x509.DNSName(name)

    return x509.SubjectAlternativeName([one(name) for name in secret.names])


def _purposes(secret: Secret) -> x509.ExtendedKeyUsage:
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID as Purpose

    return x509.ExtendedKeyUsage([Purpose.SERVER_AUTH, *([Purpose.CLIENT_AUTH] if secret.client else [])])


def _subject(secret: Secret) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, secret.names[0][:64])])


def _signed(secret: Secret, key: EllipticCurvePrivateKey, authority: Path, authority_key: Path, now: datetime) -> str:
    """The certificate, the authority's own appended."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    try:
        issuer = x509.load_pem_x509_certificate(_read(authority))
        signer: Any = serialization.load_pem_private_key(_read(authority_key), password=None)
    except (ValueError, TypeError):
        raise CertificatesError(
            "SOC-5212", "not a certificate and its key in PEM: {file}", file=f"{authority}, {authority_key}"
        ) from None
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_subject(secret))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(min(now + LIFETIME, issuer.not_valid_after_utc))
        .add_extension(_alternative_names(secret), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(_purposes(secret), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)  # type: ignore[arg-type]
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    leaf = builder.sign(signer, hashes.SHA256())
    pem = serialization.Encoding.PEM
    return leaf.public_bytes(pem).decode() + issuer.public_bytes(pem).decode()


def _handed_over(loaded: LoadedStack, secret: Secret, current: Any, now: datetime) -> dict[str, str]:
    """A signed certificate that the ministry's authority answered with; without one, a pair that lacks it.

    The key is made and kept in the vault; only the request leaves it.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization as form

    key: Any = form.load_pem_private_key(current["key"].encode(), None) if current else _new_key()
    answer = paths.stack_dir(loaded.name) / "certificates" / f"{secret.name}.pem"
    if answer.exists():
        text = answer.read_text(encoding="ascii", errors="replace")
        certificate = x509.load_pem_x509_certificate(text.encode())
        if certificate.public_key() == key.public_key() and certificate.not_valid_after_utc > now:
            return {"key": _pem(key), "certificate": text}
    return {"key": _pem(key), "certificate": ""}


def require_all(loaded: LoadedStack, secrets: tuple[Secret, ...], values: Any) -> None:
    """Raises CertificatesError with the requests to hand over, for the certificates that nobody has signed yet."""
    missing = [
        s for s in secrets if s.kind == "certificate" and not by_acme(loaded, s) and not values[s.name]["certificate"]
    ]
    if not missing:
        return
    folder = paths.stack_dir(loaded.name) / "certificates"
    folder.mkdir(exist_ok=True, mode=0o700)
    files = [folder / f"{secret.name}.csr" for secret in missing]
    for secret, file in zip(missing, files, strict=True):
        file.write_text(_request(secret, values[secret.name]["key"]), encoding="ascii")
    raise CertificatesError(
        "SOC-5211",
        "no authority signs this cloud's certificates; requests to hand over: {files}",
        hint=_("put each answer, with its chain, beside its request: {name}").format(name=f"{missing[0].name}.pem"),
        files=", ".join(str(file) for file in files),
    )


def _request(secret: Secret, key_pem: str) -> str:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    key: Any = serialization.load_pem_private_key(key_pem.encode(), None)
    builder = x509.CertificateSigningRequestBuilder().subject_name(_subject(secret))
    builder = builder.add_extension(_alternative_names(secret), critical=False)
    request = builder.add_extension(_purposes(secret), critical=False).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CertificatesError(
            "SOC-5213", "the certificate authority cannot be read: {file}", file=error.filename
        ) from None
