"""From one registry into another: the same bytes, and everything that was published beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from socle.cli.images import images
from socle.errors import CloudError, InputError, SocleError
from socle.images import archive, mirror, push
from socle.images import verify as proof
from socle.images.registry import Registry
from socle.paths import cache_dir
from socle.stack.release import Release
from tests import signing
from tests.registries import Handler, Made, Store, debian_registry, plain, reached, small_registry

NAME = "lasuite/meet-backend"
KEY = signing.make_key()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Store]:
    """A publisher's registry: an index of two platforms, signed, with an attested bill and a referrer."""
    with small_registry() as store:
        store.lists_referrers = True
        made = Made(tmp_path / "layout")
        ours = {**made.image(), "platform": {"os": "linux", "architecture": "amd64"}}
        other = {**made.image(b"arm" * 9, "linux/arm64"), "platform": {"os": "linux", "architecture": "arm64"}}
        made.finish(made.index(ours, other))
        with archive.opened(made.folder) as opened:
            push.push(opened, opened.image(), reached(store), NAME, "v1.27.0")
        signing.attach(store, NAME, signing.tag(made.digest, "sig"), [signing.signature(KEY, made.digest)])
        signing.attach(store, NAME, signing.tag(made.digest, "att"), [signing.attestation(KEY, made.digest)])
        subject = {key: made.root[key] for key in ("mediaType", "digest", "size")}
        bill = (plain({"bomFormat": "CycloneDX"}), "application/vnd.cyclonedx+json", {})
        listed = signing.attach(store, NAME, "", [bill], subject=subject, artifactType="application/vnd.cyclonedx+json")
        kind, data = store.manifests[NAME, listed]
        nested = {"mediaType": kind, "digest": listed, "size": len(data)}
        signing.attach(store, NAME, "", [signing.signature(KEY, listed)], subject=nested)  # a signature of the bill
        yield store


def digest(store: Store) -> str:
    return Registry(store.host).manifest(NAME, "v1.27.0").descriptor.digest  # type: ignore[union-attr]


def release(store: Store, **more: object) -> Release:
    image = {"reference": f"{store.host}/{NAME}", "version": "v1.27.0", "digest": digest(store), **more}
    return Release.model_validate(
        {
            "version": "2026.11",
            "operating_system": "debian-13",
            "supported_until": "2028-08-09",
            "images": {"meet-backend": image},
        }
    )


def mirrored(source: Store, target: Store | str, **more: object) -> mirror.Mirrored:
    (done,) = mirror.mirror(release(source, **more), reached(target), reached)
    return done


@pytest.fixture(params=["before 1.1", "with referrers", "debian"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "debian":
        if not shutil.which("docker-registry"):
            pytest.skip("docker-registry is not installed: apt-get install docker-registry")
        with debian_registry(tmp_path) as host:
            yield host
        return
    with small_registry() as store:
        store.lists_referrers = request.param == "with referrers"
        yield store.host


def test_everything_arrives_and_is_verified_there(source: Store, target: str) -> None:
    done = mirrored(source, target)
    assert (done.digest, done.beside) == (digest(source), 4)
    there, here = reached(target), reached(source)
    for _name, reference in list(source.manifests):
        wanted, held = here.manifest(NAME, reference), there.manifest(NAME, reference)
        assert held and wanted and held.data == wanted.data, reference
    before = {one.digest for one in here.referrers(NAME, done.digest)}
    assert {one.digest for one in there.referrers(NAME, done.digest)} == before
    (bill,) = before
    assert len(there.referrers(NAME, bill)) == 1, "what is beside a referrer comes along"
    pem = signing.pem(KEY)
    result = proof.verify(release(source, signed_by=pem, sbom=True), there)
    assert result.outcome == "pass", result.checks


def test_a_second_time_nothing_is_sent(source: Store, target: str) -> None:
    first = mirrored(source, target)
    assert first.sent > 4
    assert mirrored(source, target).sent == 0
    assert list((cache_dir() / "images").iterdir()) == [], "nothing stays in the cache"


def test_what_was_fetched_before_a_break_is_not_fetched_again(source: Store) -> None:
    def no(handler: Handler) -> bool:
        handler.body()
        return handler.answer(403)

    with small_registry() as target:
        target.on("POST", "/uploads/", no)
        with pytest.raises(CloudError) as caught:
            mirrored(source, target)
        assert caught.value.code == "SOC-4303"
        assert not target.manifests
        (kept,) = (cache_dir() / "images").iterdir()
        source.calls.clear()
        mirrored(source, target)
        assert not [path for _method, path in source.calls if kept.name in path]


def test_a_blob_that_was_altered_in_the_cache_is_fetched_again(source: Store) -> None:
    data = json.loads(source.manifests[NAME, digest(source)][1])
    layer = json.loads(source.manifests[NAME, data["manifests"][0]["digest"]][1])["layers"][0]["digest"]
    file = cache_dir() / "images" / layer.removeprefix("sha256:")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"other")
    with small_registry() as target:
        mirrored(source, target)
        assert target.blobs[layer] == source.blobs[layer]


@pytest.mark.parametrize("what", ["manifest", "layer", "signature"])
def test_what_the_source_altered_is_never_named(what: str, source: Store) -> None:
    wanted = release(source)
    if what == "manifest":
        kind, data = source.manifests[NAME, digest(source)]
        source.manifests[NAME, digest(source)] = kind, data + b" "
    else:
        blob = max(source.blobs, key=lambda one: len(source.blobs[one]))
        if what == "signature":
            kind, data = source.manifests[NAME, signing.tag(digest(source), "sig")]
            blob = json.loads(data)["layers"][0]["digest"]
        source.blobs[blob] = source.blobs[blob][:-1] + b"!"
    with small_registry() as target:
        with pytest.raises(CloudError) as caught:
            list(mirror.mirror(wanted, reached(target), reached))
        assert caught.value.code == "SOC-4308"
        assert "v1.27.0" not in target.tags()


def test_a_source_without_the_image(source: Store) -> None:
    with small_registry() as target:
        with pytest.raises(CloudError) as caught:
            mirrored(source, target, digest="sha256:" + "0" * 64)
        assert caught.value.code == "SOC-4304"
        assert not target.manifests


def test_a_tag_alone_is_never_copied_but_its_digest_is_told(source: Store) -> None:
    with small_registry() as target:
        with pytest.raises(InputError) as caught:
            mirrored(source, target, digest=None)
        assert caught.value.code == "SOC-1411"
        assert digest(source) in caught.value.hint
        assert not target.calls


@pytest.mark.parametrize("code", [401, 403, 404, 429, 500])
def test_a_source_that_refuses(code: int, source: Store) -> None:
    wanted = release(source)

    def fault(handler: Handler) -> bool:
        return handler.answer(code)

    source.on("GET", "/blobs/", fault, times=20)
    with small_registry() as target:
        with pytest.raises(SocleError) as caught:
            list(mirror.mirror(wanted, reached(target), reached))
        assert caught.value.code in ("SOC-4302", "SOC-4303", "SOC-4304", "SOC-4305", "SOC-4306")
        assert not target.manifests


def test_a_layer_that_breaks_off_is_asked_for_again(source: Store) -> None:
    def half(handler: Handler) -> bool:
        handler.answer(200, b"half", Content_Length="1000")
        handler.close_connection = True
        return True

    source.on("GET", "/blobs/", half)
    with small_registry() as target:
        assert mirrored(source, target).digest == digest(source)
        source.on("GET", "/blobs/", half, times=9)
        target.blobs.clear()
        with pytest.raises(CloudError) as caught:
            mirrored(source, target)
        assert caught.value.code == "SOC-4307"


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command(as_json: bool, source: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "stacks" / "releases"
    folder.mkdir(parents=True)
    written = release(source).model_dump(mode="json", exclude_none=True)
    (folder / "own.yaml").write_text(yaml.safe_dump(written))
    monkeypatch.setenv("SOCLE_STACKS", str(tmp_path / "stacks"))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    run: Callable[..., object] = CliRunner().invoke
    with small_registry() as target:
        done = run(images, ["mirror", "own", "--registry", target.host, *(["--json"] if as_json else [])])
        assert not done.exception, done.output  # type: ignore[attr-defined]
        assert digest(source) in done.output  # type: ignore[attr-defined]
        assert "v1.27.0" in target.tags()
