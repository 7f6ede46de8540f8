"""What cosign leaves in a registry, made on the spot with keys of the test's own."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from socle.images.kinds import OCI_CONFIGURATION, OCI_MANIFEST
from socle.images.signature import ENVELOPE, SIGNATURE, SIMPLE_SIGNING
from tests.registries import Store, plain, sha256

Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
SPDX = "https://spdx.dev/Document"


def make_key(kind: str = "p256") -> Key:
    return ed25519.Ed25519PrivateKey.generate() if kind == "ed25519" else ec.generate_private_key(ec.SECP256R1())


def pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def sign(key: Key, data: bytes) -> bytes:
    return key.sign(data) if isinstance(key, ed25519.Ed25519PrivateKey) else key.sign(data, ec.ECDSA(hashes.SHA256()))


def attach(
    store: Store, name: str, reference: str, layers: list[tuple[bytes, str, dict[str, str]]], **more: Any
) -> str:
    """A manifest with these blobs under a tag or, with "", its digest; gives the digest."""
    config = b"{}"
    store.blobs[sha256(config)] = config
    listed = []
    for data, kind, notes in layers:
        store.blobs[sha256(data)] = data
        listed.append({"mediaType": kind, "digest": sha256(data), "size": len(data), "annotations": notes})
    manifest = plain(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": {"mediaType": OCI_CONFIGURATION, "digest": sha256(config), "size": len(config)},
            "layers": listed,
            **more,
        }
    )
    digest = sha256(manifest)
    for key in {digest, reference or digest}:
        store.manifests[name, key] = OCI_MANIFEST, manifest
    return digest


def payload(digest: str) -> bytes:
    critical = {
        "identity": {"docker-reference": "docker.io/lasuite/meet-backend"},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }
    return plain({"critical": critical, "optional": None})


def signature(key: Key, digest: str, *, text: bytes | None = None) -> tuple[bytes, str, dict[str, str]]:
    """`text`: what is kept in place of what was signed."""
    signed = payload(digest)
    return text or signed, SIMPLE_SIGNING, {SIGNATURE: base64.b64encode(sign(key, signed)).decode()}


def attestation(key: Key, digest: str, predicate: str = SPDX) -> tuple[bytes, str, dict[str, str]]:
    statement = plain(
        {
            "_type": "https://in-toto.io/Statement/v0.1",
            "predicateType": predicate,
            "subject": [{"name": "image", "digest": {"sha256": digest.removeprefix("sha256:")}}],
            "predicate": {"spdxVersion": "SPDX-2.3"},
        }
    )
    kind = "application/vnd.in-toto+json"
    message = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(statement), statement)
    envelope = {
        "payloadType": kind,
        "payload": base64.b64encode(statement).decode(),
        "signatures": [{"keyid": "", "sig": base64.b64encode(sign(key, message)).decode()}],
    }
    return plain(envelope), ENVELOPE, {"predicateType": predicate}


def tag(digest: str, suffix: str) -> str:
    return f"{digest.replace(':', '-')}.{suffix}"
