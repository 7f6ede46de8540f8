"""What cosign leaves beside an image: signatures of its digest, and attestations that hold its bill of materials.

Signatures are cosign's simple signing: a JSON payload that names the digest, signed by a key. Attestations are DSSE
envelopes around an in-toto statement.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from socle.errors import InputError
from socle.images import kinds
from socle.images.kinds import Descriptor, Malformed
from socle.images.registry import Registry

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
ENVELOPE = "application/vnd.dsse.envelope.v1+json"
SIGNATURE = "dev.cosignproject.cosign/signature"
PREDICATES = ("https://spdx.dev/Document", "https://cyclonedx.org/bom")
BILLS = ("application/spdx+json", "text/spdx+json", "application/vnd.cyclonedx+json", "text/spdx")
SUFFIXES = ("sig", "att", "sbom")  # cosign's tags: sha256-<hex>.<suffix>
MOST_BESIDE = 50  # manifests beside one image that are read


@dataclass(frozen=True)
class Beside:
    """One blob of a manifest that belongs to the image."""

    blob: Descriptor
    artifact: str


def key_of(pem: str) -> ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey:
    """ECDSA on P-256, or Ed25519. Raises SOC-1410."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if isinstance(key, ed25519.Ed25519PublicKey):
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise InputError("SOC-1410", "a release's `signed_by` is no public key of ECDSA P-256 or Ed25519")


def signs(pem: str, signature: bytes, data: bytes) -> bool:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = key_of(pem)
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def tags(digest: str) -> list[str]:
    return [f"{digest.replace(':', '-')}.{suffix}" for suffix in SUFFIXES]


def beside(registry: Registry, repository: str, digest: str) -> list[Beside]:
    """What cosign's tags and the list of referrers name for the digest."""
    manifests = [held for tag in tags(digest) if (held := registry.manifest(repository, tag))]
    for one in registry.referrers(repository, digest)[:MOST_BESIDE]:
        if held := registry.manifest(repository, one.digest):
            manifests.append(held)
    found = []
    for held in manifests:
        raw, read = kinds.mapping(held.data), kinds.document(held.data, held.kind)
        artifact = str(raw.get("artifactType") or (read.configuration.kind if read.configuration else ""))
        found += [Beside(layer, artifact) for layer in read.layers]
    return found


def signed(registry: Registry, repository: str, digest: str, pem: str, near: list[Beside]) -> tuple[bool, str]:
    """Whether one of the signatures is the key's and of this digest; and what was seen."""
    signatures = [one.blob for one in near if one.blob.kind == SIMPLE_SIGNING]
    if not signatures:
        return False, "no signature"
    reasons = []
    for blob in signatures:
        payload = registry.small(repository, blob)
        raw = _decoded(blob.annotations.get(SIGNATURE, ""))
        if not raw or not signs(pem, raw, payload):
            reasons.append("not of the key that the release names")
        elif (named := _named(payload)) != digest:
            reasons.append(f"of another image: {named}")
        else:
            return True, "signed by the key of the release"
    return False, "; ".join(dict.fromkeys(reasons))


def bill(registry: Registry, repository: str, digest: str, pem: str | None, near: list[Beside]) -> tuple[bool, str]:
    """Whether a bill of materials is there and, where a key is named, attested by it; and what was seen."""
    plain = [one for one in near if one.blob.kind in BILLS or one.artifact in BILLS]
    reasons = []
    for blob in (one.blob for one in near if one.blob.kind == ENVELOPE):
        try:
            good, why = _attested(registry.small(repository, blob), digest, pem)
        except (Malformed, KeyError, TypeError, IndexError, AttributeError):
            good, why = False, "an attestation that cannot be read"
        if good:
            return True, why
        reasons.append(why)
    if plain and not pem:
        return True, "present, unsigned"
    if plain:
        reasons.append("present, unsigned")
    return False, "; ".join(dict.fromkeys(reason for reason in reasons if reason)) or "no bill of materials"


def _attested(data: bytes, digest: str, pem: str | None) -> tuple[bool, str]:
    """Of one DSSE envelope. An attestation of something else says nothing: (False, "")."""
    envelope = kinds.mapping(data)
    kind, payload = str(envelope["payloadType"]), _decoded(envelope["payload"])
    statement = kinds.mapping(payload)
    if not str(statement.get("predicateType", "")).startswith(PREDICATES):
        return False, ""
    if all(one["digest"].get("sha256") != digest.removeprefix("sha256:") for one in statement["subject"]):
        return False, "a bill of materials of another image"
    if pem is None:
        return True, "present, unsigned"
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
    if any(signs(pem, _decoded(one["sig"]), message) for one in envelope["signatures"]):
        return True, "attested by the key of the release"
    return False, "a bill of materials that is not of the key that the release names"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return b""


def _named(payload: bytes) -> str:
    """The digest that a payload is about."""
    try:
        return str(json.loads(payload)["critical"]["image"]["docker-manifest-digest"])
    except (ValueError, KeyError, TypeError):
        return "unreadable"
