"""The lab's certificate authority, and the certificate of its services."""

from __future__ import annotations

import datetime
import ipaddress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from socle.files import write_file
from socle.lab.wiring import Wiring

DAYS_AUTHORITY, DAYS_SERVICES = 365, 90


def ensure_authority(certificate: Path, key: Path) -> None:
    if certificate.exists() and key.exists():
        return
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Socle lab authority")])
    builder = _builder(name, name, secret.public_key(), DAYS_AUTHORITY)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(sign=True), critical=True)
    made = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(secret.public_key()), critical=False).sign(
        secret, hashes.SHA256()
    )
    write_file(key, _pem_key(secret))
    write_file(certificate, made.public_bytes(serialization.Encoding.PEM).decode())


def services_certificate(certificate: Path, key: Path, where: Wiring, target: Path) -> None:
    """For the services address and its names; certificate, key in one file as haproxy wants it. Renewed when it is
    in its last 30 days or of another authority."""
    authority = x509.load_pem_x509_certificate(certificate.read_bytes())
    if target.exists() and _still_good(target, authority):
        return
    signer = serialization.load_pem_private_key(key.read_bytes(), None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's key is not an elliptic curve key")
    secret = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, where.names[-1])])
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in where.names]
    names.append(x509.IPAddress(ipaddress.ip_address(str(where.services))))
    builder = _builder(subject, authority.subject, secret.public_key(), DAYS_SERVICES)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    builder = builder.add_extension(_usage(sign=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    builder = builder.add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
    )
    made = builder.sign(signer, hashes.SHA256())
    write_file(target, made.public_bytes(serialization.Encoding.PEM).decode() + _pem_key(secret))


def _still_good(file: Path, authority: x509.Certificate) -> bool:
    known = x509.load_pem_x509_certificate(file.read_bytes())
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=30)
    if known.issuer != authority.subject or known.not_valid_after_utc < soon:
        return False
    try:
        known.verify_directly_issued_by(authority)
    except Exception:  # whatever is wrong with it, a new one is made
        return False
    return True


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


def _usage(*, sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign,
        key_cert_sign=sign,
        crl_sign=sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_key(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
