"""Archives into a registry: what is refused, what is sent, what is named last."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from socle.cli.images import images
from socle.errors import InputError, SocleError
from socle.images import archive, push
from socle.images.kinds import Descriptor
from tests.registries import Made, Store, debian_registry, layout, plain, reached, small_registry, zstd

REAL = Path(os.environ.get("SOCLE_IMAGES", ""))
NAME = "lasuite/meet-backend"


@pytest.fixture
def store() -> Iterator[Store]:
    with small_registry() as one:
        yield one


@pytest.fixture(params=["small", "debian"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Both registries; Debian's where it is installed, as in the lab."""
    if request.param == "small":
        with small_registry() as one:
            yield one.host
        return
    if not shutil.which("docker-registry"):
        pytest.skip("docker-registry is not installed: apt-get install docker-registry")
    with debian_registry(tmp_path) as name:
        yield name


def pushed(file: Path, host: Store | str) -> push.Pushed:
    with archive.opened(file) as source:
        return push.push(source, source.image(), reached(host), NAME, "v1.27.0")


# --- what works ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_an_image_arrives_byte_for_byte_and_is_not_sent_twice(host: str, tmp_path: Path, form: str) -> None:
    made = layout(tmp_path / "layout")
    file = made.folder if form == "folder" else made.tar(tmp_path / "meet-backend.tar")
    first = pushed(file, host)
    assert (first.digest, first.sent, first.kept) == (made.digest, 2, 0)
    held = reached(host).manifest(NAME, "v1.27.0")
    assert held and held.descriptor.digest == made.digest
    layer = json.loads(held.data)["layers"][0]
    buffer = io.BytesIO()
    reached(host).fetch(NAME, Descriptor(layer["mediaType"], layer["digest"], layer["size"]), buffer)
    assert buffer.getvalue() == made.blob(layer["digest"]).read_bytes()
    again = pushed(file, host)
    assert (again.sent, again.kept, again.before) == (0, 2, None)


def test_an_index_of_several_platforms_arrives_whole(host: str, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    one = {**made.image(), "platform": {"os": "linux", "architecture": "amd64"}}
    other = {**made.image(b"other", "linux/arm64"), "platform": {"os": "linux", "architecture": "arm64"}}
    made.finish(made.index(one, other))
    assert pushed(made.folder, host).digest == made.digest
    assert reached(host).manifest(NAME, other["digest"])


def test_a_version_that_named_another_image_is_told(host: str, tmp_path: Path) -> None:
    first = pushed(layout(tmp_path / "one").folder, host)
    second = pushed(layout(tmp_path / "two", content=b"newer").folder, host)
    assert second.before == first.digest != second.digest


def test_of_several_images_the_one_for_the_nodes_is_taken(store: Store, tmp_path: Path) -> None:
    made = Made(tmp_path / "layout")
    arm = {**made.image(b"x", "linux/arm64"), "platform": {"os": "linux", "architecture": "arm64"}}
    ours = {**made.image(), "platform": {"os": "linux", "architecture": "amd64"}}
    made.finish(arm, ours)
    assert pushed(made.folder, store).digest == ours["digest"]


@pytest.mark.skipif(not (REAL / "SHA256SUMS").is_file(), reason="SOCLE_IMAGES names no folder with SHA256SUMS")
def test_the_real_images_arrive(host: str) -> None:
    """The application's own archives, some hundred megabytes, checked against their sums first."""
    lines = [line.split() for line in (REAL / "SHA256SUMS").read_text().splitlines()]
    assert lines
    for wanted, name in lines:
        file = REAL / name
        with file.open("rb") as stream:
            assert hashlib.file_digest(stream, "sha256").hexdigest() == wanted
        with archive.opened(file) as source:
            image = source.image()
            repository = f"lasuite/{push.stem(file)}"
            done = push.push(source, image, reached(host), repository, image.version)
        with tarfile.open(file) as tar:
            index = json.load(tar.extractfile("index.json") or io.BytesIO())
        held = reached(host).manifest(repository, "v1.27.0")
        assert held and held.descriptor.digest == done.digest == index["manifests"][0]["digest"]


# --- what is refused -------------------------------------------------------------------------------------------------


def refused(file: Path, store: Store) -> str:
    with pytest.raises(InputError) as caught:
        pushed(file, store)
    assert not store.manifests, "something was named"
    assert not any(method != "GET" and method != "HEAD" for method, _path in store.calls), "something was sent"
    return caught.value.code


def altered(made: Made) -> None:
    layer = next(path for path in made.blob("").iterdir() if path.read_bytes().startswith(b"\x28\xb5"))
    layer.write_bytes(layer.read_bytes()[:-1] + b"!")


def missing_layer(made: Made) -> None:
    next(path for path in made.blob("").iterdir() if path.read_bytes().startswith(b"\x28\xb5")).unlink()


def no_layout(made: Made) -> None:
    (made.folder / "oci-layout").unlink()


def no_json(made: Made) -> None:
    (made.folder / "index.json").write_text("{")


def another_platform(made: Made) -> None:
    made.finish(made.image(platform="linux/arm64"))


def two_images(made: Made) -> None:
    made.finish(made.image(), made.image(b"second"))


def odd_layer(made: Made) -> None:
    made.finish(made.image(layer="application/vnd.oci.image.layer.nondistributable.v1.tar"))


def wrong_size(made: Made) -> None:
    made.finish({**made.root, "size": made.root["size"] + 1})


def wrong_type(made: Made) -> None:
    made.finish({**made.root, "mediaType": "application/vnd.oci.image.config.v1+json"})


def too_few_layers(made: Made) -> None:
    config = json.loads(made.blob(made.image()["digest"]).read_bytes())
    config["layers"] = []
    made.finish(made.add(plain(config), made.root["mediaType"]))


def link(made: Made) -> None:
    (made.folder / "blobs/link").symlink_to("/etc/passwd")


def deep(made: Made) -> None:
    (made.folder / "index.json").write_text("[" * 100_000)


CASES: list[tuple[Callable[[Made], None], str]] = [
    (altered, "SOC-1402"), (missing_layer, "SOC-1402"), (no_layout, "SOC-1401"), (no_json, "SOC-1401"),
    (another_platform, "SOC-1404"), (two_images, "SOC-1404"), (odd_layer, "SOC-1401"), (wrong_size, "SOC-1402"),
    (wrong_type, "SOC-1404"), (too_few_layers, "SOC-1401"), (link, "SOC-1403"), (deep, "SOC-1401"),
]  # fmt: skip


@pytest.mark.parametrize("form", ["folder", "tar"])
@pytest.mark.parametrize(("change", "code"), CASES, ids=[change.__name__ for change, _code in CASES])
def test_a_layout_that_is_not_what_it_says(
    change: Callable[[Made], None], code: str, form: str, store: Store, tmp_path: Path
) -> None:
    made = layout(tmp_path / "layout")
    change(made)
    file = made.folder if form == "folder" else made.tar(tmp_path / "image.tar")
    assert refused(file, store) == code


def entry(name: str, **more: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    for key, value in more.items():
        setattr(info, key, value)
    return info


@pytest.mark.parametrize(
    "odd",
    [
        entry("../outside"), entry("/absolute"), entry("blobs/../../outside"),
        entry("blobs/hard", type=tarfile.LNKTYPE, linkname="index.json"),
        entry("blobs/soft", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        entry("blobs/device", type=tarfile.CHRTYPE), entry("index.json"),
    ],
    ids=lambda info: info.name,
)  # fmt: skip
def test_an_entry_that_no_image_has(odd: tarfile.TarInfo, store: Store, tmp_path: Path) -> None:
    file = layout(tmp_path / "layout").tar(tmp_path / "image.tar")
    with tarfile.open(file, "a") as tar:
        tar.addfile(odd)
    assert refused(file, store) == "SOC-1403"


def test_too_many_entries(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 3)
    assert refused(layout(tmp_path / "layout").tar(tmp_path / "image.tar"), store) == "SOC-1403"


def test_too_much(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "LARGEST_ARCHIVE", 1000)
    assert refused(layout(tmp_path / "layout").tar(tmp_path / "image.tar"), store) == "SOC-1403"


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_an_archive_that_ends_too_early(share: float, store: Store, tmp_path: Path) -> None:
    file = layout(tmp_path / "layout").tar(tmp_path / "image.tar")
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    assert refused(file, store) == "SOC-1402"


@pytest.mark.parametrize(
    ("content", "code"), [(b"", "SOC-1401"), (b"no tar at all" * 100, "SOC-1401"), (None, "SOC-1001")]
)
def test_what_is_no_archive(content: bytes | None, code: str, store: Store, tmp_path: Path) -> None:
    file = tmp_path / "image.tar"
    if content is not None:
        file.write_bytes(content)
    assert refused(file, store) == code


# --- the command line ------------------------------------------------------------------------------------------------


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(images, arguments)
    return (done.exception.exit_code if isinstance(done.exception, SocleError) else done.exit_code), str(
        getattr(done.exception, "code", "") if isinstance(done.exception, SocleError) else done.output
    )


def test_an_archive_belongs_to_the_release_s_image_of_its_name(store: Store, tmp_path: Path) -> None:
    made = layout(tmp_path / "layout")
    made.tar(tmp_path / "meet-frontend.tar")
    code, output = run("import", str(tmp_path / "meet-frontend.tar"), "--registry", store.host, "--json")
    assert code == 0, output
    (done,) = json.loads(output[output.index("[") :])
    assert (done["name"], done["version"], done["digest"]) == (
        f"{store.host}/lasuite/meet-frontend", "v1.27.0", made.digest,
    )  # fmt: skip


def test_an_archive_that_names_itself_needs_no_release(store: Store, tmp_path: Path) -> None:
    made = layout(tmp_path / "layout", version="docker.io/lasuite/meet-agents:v1.27.0")
    code, output = run("import", str(made.folder), "--registry", store.host)
    assert code == 0, output
    assert ("lasuite/meet-agents", "v1.27.0") in store.manifests


@pytest.mark.parametrize(
    ("name", "version", "code"),
    [("unheard-of", "v1.27.0", "SOC-1405"), ("meet-backend", "v1.26.0", "SOC-1407")],
)
def test_an_archive_that_belongs_to_no_image(name: str, version: str, code: str, store: Store, tmp_path: Path) -> None:
    file = layout(tmp_path / "layout", version=version).tar(tmp_path / f"{name}.tar")
    assert run("import", str(file), "--registry", store.host) == (2, code)
    assert not store.manifests


def test_no_registry_is_guessed(tmp_path: Path) -> None:
    file = layout(tmp_path / "layout").tar(tmp_path / "meet-backend.tar")
    assert run("import", str(file)) == (2, "SOC-1408")
    assert run("verify", "2026.11") == (2, "SOC-1408")
    assert run("verify", "nosuch", "--registry", "127.0.0.1:9") == (2, "SOC-1001")


def test_the_frame_is_zstd_s() -> None:
    assert zstd(b"").startswith(b"\x28\xb5\x2f\xfd")
    if program := shutil.which("zstd"):
        import subprocess

        data = os.urandom(300_000)
        assert subprocess.run([program, "-dc"], input=zstd(data), capture_output=True, check=True).stdout == data
