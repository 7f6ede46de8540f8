"""A registry against a release: digests, signatures, bills of materials. What is not declared is unknown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from socle.cli.images import images
from socle.errors import CloudError, InputError, SocleError
from socle.images import archive, push, signature
from socle.images import verify as proof
from socle.stack.release import Release
from tests import signing
from tests.registries import Made, Store, layout, plain, reached, small_registry

NAME = "lasuite/meet-backend"


@pytest.fixture
def store() -> Iterator[Store]:
    with small_registry() as one:
        yield one


@pytest.fixture
def made(store: Store, tmp_path: Path) -> Made:
    """An image that the registry has."""
    one = layout(tmp_path / "layout")
    with archive.opened(one.folder) as source:
        push.push(source, source.image(), reached(store), NAME, "v1.27.0")
    return one


def release(**image: object) -> Release:
    entry = {"reference": f"docker.io/{NAME}", "version": "v1.27.0", **image}
    return Release.model_validate(
        {
            "version": "2026.11",
            "operating_system": "debian-13",
            "supported_until": "2028-08-09",
            "images": {"meet-backend": entry},
        }
    )


def outcomes(store: Store, **image: object) -> dict[str, str]:
    result = proof.verify(release(**image), reached(store))
    return {check.what: check.outcome for check in result.checks}


def reason(store: Store, what: str, **image: object) -> str:
    result = proof.verify(release(**image), reached(store))
    return next(check.seen for check in result.checks if check.what == what)


def test_what_is_not_declared_is_unknown_and_no_pass(store: Store, made: Made) -> None:
    assert outcomes(store, digest=made.digest) == {"digest": "pass", "signature": "unknown", "sbom": "unknown"}
    assert outcomes(store) == {"digest": "unknown"}
    result = proof.verify(release(digest=made.digest), reached(store))
    with pytest.raises(SocleError) as caught:
        proof.require(result)
    assert (caught.value.code, caught.value.exit_code) == ("SOC-8504", 6)


def test_an_image_that_is_not_there(store: Store, made: Made) -> None:
    assert outcomes(store, digest="sha256:" + "0" * 64) == {"digest": "fail"}
    store.blobs.pop(json.loads(made.blob(made.digest).read_bytes())["layers"][0]["digest"])
    assert outcomes(store, digest=made.digest) == {"digest": "fail"}
    with pytest.raises(SocleError) as caught:
        proof.require(proof.verify(release(digest=made.digest), reached(store)))
    assert (caught.value.code, caught.value.exit_code) == ("SOC-8501", 6)


def test_of_an_index_only_what_nodes_pull_is_needed(store: Store, tmp_path: Path) -> None:
    made = Made(tmp_path / "index")
    ours = {**made.image(), "platform": {"os": "linux", "architecture": "amd64"}}
    other = {**made.image(b"arm", "linux/arm64"), "platform": {"os": "linux", "architecture": "arm64"}}
    made.finish(made.index(ours, other))
    with archive.opened(made.folder) as source:
        push.push(source, source.image(), reached(store), NAME, "v1.27.0")
    store.manifests.pop((NAME, other["digest"]))
    assert outcomes(store, digest=made.digest)["digest"] == "pass"
    store.manifests.pop((NAME, ours["digest"]))
    assert outcomes(store, digest=made.digest)["digest"] == "fail"


def test_a_registry_that_answers_with_another_image_is_an_error(store: Store, made: Made) -> None:
    kind, data = store.manifests[NAME, made.digest]
    store.manifests[NAME, made.digest] = kind, data + b"\n"
    with pytest.raises(CloudError) as caught:
        outcomes(store, digest=made.digest)
    assert (caught.value.code, caught.value.exit_code) == ("SOC-4308", 4)


# --- signatures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["p256", "ed25519"])
@pytest.mark.parametrize("place", ["tag", "referrer", "listed referrer"])
def test_a_signature_of_the_release_s_key(kind: str, place: str, store: Store, made: Made) -> None:
    key = signing.make_key(kind)
    _put(store, made, place, signing.signature(key, made.digest), "sig")
    assert outcomes(store, digest=made.digest, signed_by=signing.pem(key))["signature"] == "pass"


def _put(store: Store, made: Made, place: str, blob: tuple[bytes, str, dict[str, str]], suffix: str) -> None:
    if place == "tag":
        signing.attach(store, NAME, signing.tag(made.digest, suffix), [blob])
        return
    subject = {key: made.root[key] for key in ("mediaType", "digest", "size")}
    digest = signing.attach(store, NAME, "", [blob], subject=subject)
    store.lists_referrers = place == "listed referrer"
    if not store.lists_referrers:
        kind, data = store.manifests[NAME, digest]
        index = Made(made.folder).index({"mediaType": kind, "digest": digest, "size": len(data)})
        text = made.blob(index["digest"]).read_bytes()
        store.manifests[NAME, made.digest.replace(":", "-")] = index["mediaType"], text


def test_a_signature_that_is_not_there_fails_once_a_key_is_named(store: Store, made: Made) -> None:
    key = signing.pem(signing.make_key())
    assert outcomes(store, digest=made.digest, signed_by=key)["signature"] == "fail"
    assert reason(store, "signature", digest=made.digest, signed_by=key) == "no signature"


@pytest.mark.parametrize("wrong", ["key", "payload", "digest", "signature", "kind of key"])
def test_a_signature_that_does_not_hold(wrong: str, store: Store, made: Made) -> None:
    key = signing.make_key()
    named = key
    data, kind, annotations = signing.signature(key, made.digest)
    if wrong == "key":
        named = signing.make_key()
    elif wrong == "kind of key":
        named = signing.make_key("ed25519")
    elif wrong == "payload":  # somebody else's signature under a payload that names this image
        data, kind, annotations = signing.signature(key, "sha256:" + "1" * 64, text=signing.payload(made.digest))
    elif wrong == "digest":
        data, kind, annotations = signing.signature(key, "sha256:" + "1" * 64)
    else:
        annotations = {signature.SIGNATURE: "bm8="}
    signing.attach(store, NAME, signing.tag(made.digest, "sig"), [(data, kind, annotations)])
    found = release(digest=made.digest, signed_by=signing.pem(named))
    with pytest.raises(SocleError) as caught:
        proof.require(proof.verify(found, reached(store)))
    assert (caught.value.code, caught.value.exit_code) == ("SOC-8502", 6)


def test_one_good_signature_among_others_is_enough(store: Store, made: Made) -> None:
    key = signing.make_key()
    blobs = [signing.signature(signing.make_key(), made.digest), signing.signature(key, made.digest)]
    signing.attach(store, NAME, signing.tag(made.digest, "sig"), blobs)
    assert outcomes(store, digest=made.digest, signed_by=signing.pem(key))["signature"] == "pass"


def test_a_key_that_nobody_checks_with(store: Store, made: Made) -> None:
    from cryptography.hazmat.primitives.asymmetric import ec

    key = signing.make_key()
    signing.attach(store, NAME, signing.tag(made.digest, "sig"), [signing.signature(key, made.digest)])
    large = ec.generate_private_key(ec.SECP384R1())
    for text in (signing.pem(large), "-----BEGIN PUBLIC KEY-----\nno\n-----END PUBLIC KEY-----\n"):
        with pytest.raises(InputError) as caught:
            outcomes(store, digest=made.digest, signed_by=text)
        assert caught.value.code == "SOC-1410"


# --- bills of materials ----------------------------------------------------------------------------------------------


def test_a_bill_that_the_key_attests(store: Store, made: Made) -> None:
    key = signing.make_key()
    signing.attach(store, NAME, signing.tag(made.digest, "att"), [signing.attestation(key, made.digest)])
    pem = signing.pem(key)
    assert outcomes(store, digest=made.digest, signed_by=pem, sbom=True)["sbom"] == "pass"
    assert outcomes(store, digest=made.digest)["sbom"] == "pass"
    assert reason(store, "sbom", digest=made.digest) == "present, unsigned"
    other = signing.pem(signing.make_key())
    assert outcomes(store, digest=made.digest, signed_by=other)["sbom"] == "fail"


def test_a_bill_that_was_promised_and_is_missing(store: Store, made: Made) -> None:
    assert outcomes(store, digest=made.digest, sbom=True)["sbom"] == "fail"
    with pytest.raises(SocleError) as caught:
        proof.require(proof.verify(release(digest=made.digest, sbom=True), reached(store)))
    assert caught.value.code == "SOC-8503"


def test_an_attestation_of_another_image_or_of_something_else(store: Store, made: Made) -> None:
    key = signing.make_key()
    blobs = [signing.attestation(key, made.digest, "https://slsa.dev/provenance/v1")]
    signing.attach(store, NAME, signing.tag(made.digest, "att"), blobs)
    assert outcomes(store, digest=made.digest)["sbom"] == "unknown"
    blobs = [signing.attestation(key, "sha256:" + "2" * 64), (b"{}", signature.ENVELOPE, {})]
    signing.attach(store, NAME, signing.tag(made.digest, "att"), blobs)
    assert outcomes(store, digest=made.digest)["sbom"] == "fail"


def test_a_bill_without_an_envelope(store: Store, made: Made) -> None:
    signing.attach(store, NAME, signing.tag(made.digest, "sbom"), [(plain({"a": 1}), "text/spdx+json", {})])
    assert outcomes(store, digest=made.digest)["sbom"] == "pass"
    key = signing.pem(signing.make_key())
    assert outcomes(store, digest=made.digest, signed_by=key)["sbom"] == "fail"


# --- stand-ins, and the command line ---------------------------------------------------------------------------------


def test_a_stand_in_is_never_taken_for_what_it_stands_for(store: Store, made: Made) -> None:
    key = signing.make_key()
    signing.attach(store, NAME, signing.tag(made.digest, "sig"), [signing.signature(key, made.digest)])
    signing.attach(store, NAME, signing.tag(made.digest, "att"), [signing.attestation(key, made.digest)])
    declared = {"digest": made.digest, "signed_by": signing.pem(key), "sbom": True}
    assert proof.verify(release(**declared), reached(store)).outcome == "pass"
    assert proof.verify(release(**declared, stand_in=True), reached(store)).outcome == "unknown"


def test_the_command_says_each_thing_in_words(
    store: Store, made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "stacks" / "releases"
    folder.mkdir(parents=True)
    written = release(digest=made.digest, stand_in=True).model_dump(mode="json", exclude_none=True)
    (folder / "own.yaml").write_text(yaml.safe_dump(written))
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path / "stacks"))
    done = CliRunner().invoke(images, ["verify", "own", "--registry", store.host])
    assert isinstance(done.exception, SocleError)
    assert done.exception.code == "SOC-8504"
    assert "! meet-backend: a stand-in, not La Suite Meet" in done.output
    assert made.digest in done.output
    as_json = CliRunner().invoke(images, ["verify", "own", "--registry", store.host, "--json"])
    record = json.loads(as_json.output)
    assert record["outcome"] == "unknown"
    assert {check["what"]: check["outcome"] for check in record["checks"]}["digest"] == "pass"
