"""Registries that refuse, break off or lie; who signs in, and to whom credentials go."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from socle.cli.images import images
from socle.errors import CloudError, InputError, SocleError
from socle.images import archive, push
from socle.images import registry as client
from socle.images.kinds import Descriptor
from tests.registries import Handler, Store, layout, plain, reached, sha256, small_registry

NAME = "lasuite/meet-backend"


@pytest.fixture
def store() -> Iterator[Store]:
    with small_registry() as one:
        yield one


def pushed(file: Path, host: Store | str) -> push.Pushed:
    with archive.opened(file) as source:
        return push.push(source, source.image(), reached(host), NAME, "v1.27.0")


# --- registries that fail --------------------------------------------------------------------------------------------


def status(code: int) -> Callable[[Handler], bool]:
    def fault(handler: Handler) -> bool:
        handler.body()
        return handler.answer(code, plain({"errors": [{"code": "TEST", "message": "as asked"}]}))

    return fault


def cut(handler: Handler) -> bool:
    """Promises more than it says."""
    handler.body()
    handler.answer(200, b"{", Content_Length="1000", Content_Type="application/vnd.oci.image.index.v1+json")
    handler.close_connection = True
    return True


def closed(handler: Handler) -> bool:
    handler.close_connection = True
    return True


@pytest.mark.parametrize(
    ("code", "error"),
    [(401, "SOC-4302"), (403, "SOC-4303"), (404, "SOC-4304"), (429, "SOC-4305"), (500, "SOC-4306"), (418, "SOC-4309")],
)
@pytest.mark.parametrize(
    "step", [("POST", "/uploads/"), ("PATCH", "/uploads/"), ("PUT", "/uploads/"), ("PUT", "/v1.27.0")]
)
def test_a_refusal_is_one_error_and_nothing_is_named(
    code: int, error: str, step: tuple[str, str], store: Store, tmp_path: Path
) -> None:
    store.on(*step, status(code), times=20)
    with pytest.raises(SocleError) as caught:
        pushed(layout(tmp_path / "layout").folder, store)
    assert caught.value.code == error
    assert caught.value.exit_code == 4
    assert "v1.27.0" not in store.tags()


@pytest.mark.parametrize("fault", [closed, status(500), status(429)])
def test_a_break_amid_a_layer_goes_on_where_it_was(
    fault: Callable[[Handler], bool], store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CHUNK", 50_000)
    made = layout(tmp_path / "layout")
    store.on("PATCH", "/uploads/", lambda _handler: False, times=2)  # the configuration and the first piece arrive
    store.on("PATCH", "/uploads/", fault)
    assert pushed(made.folder, store).digest == made.digest
    sent = [path for method, path in store.calls if method == "PATCH" and "/uploads/" in path]
    assert len(sent) == 5 + 1 + 1, "five pieces, one of them twice, and the configuration"


def test_a_registry_that_forgets_an_upload_is_sent_it_again(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "CHUNK", 50_000)

    def forgets(handler: Handler) -> bool:
        store.uploads.clear()
        return closed(handler)

    store.on("PATCH", "/uploads/", lambda _handler: False, times=2)
    store.on("PATCH", "/uploads/", forgets)
    made = layout(tmp_path / "layout")
    assert pushed(made.folder, store).digest == made.digest


def test_a_push_that_ended_early_is_finished_by_the_next(store: Store, tmp_path: Path) -> None:
    made = layout(tmp_path / "layout")
    store.on("PUT", "/v1.27.0", closed, times=3)
    with pytest.raises(CloudError) as caught:
        pushed(made.folder, store)
    assert caught.value.code == "SOC-4301"
    assert not store.tags()
    assert pushed(made.folder, store).sent == 0


def test_half_an_answer(store: Store) -> None:
    store.on("GET", "/manifests/", cut, times=3)
    with pytest.raises(CloudError) as caught:
        reached(store).manifest(NAME, "v1.27.0")
    assert caught.value.code == "SOC-4307"


def test_other_bytes_than_the_digest_names(store: Store, tmp_path: Path) -> None:
    made = layout(tmp_path / "layout")
    pushed(made.folder, store)
    kind, data = store.manifests[NAME, made.digest]
    store.manifests[NAME, made.digest] = kind, data + b" "
    with pytest.raises(CloudError) as caught:
        reached(store).manifest(NAME, made.digest)
    assert caught.value.code == "SOC-4308"
    blob = Descriptor("x", sha256(b"good"), 4)
    store.blobs[blob.digest] = b"evil"
    with pytest.raises(CloudError) as caught:
        reached(store).fetch(NAME, blob, io.BytesIO())
    assert caught.value.code == "SOC-4308"


def test_nobody_answers() -> None:
    with pytest.raises(CloudError) as caught:
        reached("127.0.0.1:9").manifest(NAME, "v1.27.0")
    assert caught.value.code == "SOC-4301"


def test_plain_http_is_for_loopback_alone() -> None:
    assert reached("127.0.0.1:5000").base == "http://127.0.0.1:5000"
    for host in ("registry.example", "127.0.0.1.example", "10.0.0.1:5000", "localhost.example:5000"):
        assert reached(host).base == f"https://{host}"


# --- signing in ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["{host}", "{host}/lasuite", "https://{host}"])
def test_credentials_come_from_the_standard_file(
    key: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.tokens = {"push:secret word": "a-token"}
    auth = tmp_path / "auth.json"
    pair = base64.b64encode(b"push:secret word").decode()
    auth.write_text(json.dumps({"auths": {key.format(host=store.host): {"auth": pair}}}))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(auth))
    file = layout(tmp_path / "layout").tar(tmp_path / "meet-backend.tar")
    done = CliRunner().invoke(images, ["import", str(file), "--registry", store.host], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert store.tags() == {"v1.27.0"}
    assert "secret" not in done.output


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"HOST": {"auth": "%"}}}', '{"auths": {"HOST": 7}}'])
def test_an_unreadable_file_of_credentials_is_named_and_not_repeated(
    text: str, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.tokens = {"a:b": "t"}
    auth = tmp_path / "auth.json"
    auth.write_text(text.replace("HOST", store.host))
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(auth))
    with pytest.raises(InputError) as caught:
        client.Registry(store.host).manifest(NAME, "v1")
    assert caught.value.code == "SOC-1406"


def test_a_wrong_password_is_an_error_of_its_own(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store.tokens = {"a:b": "t"}
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    with pytest.raises(CloudError) as caught:
        client.Registry(store.host).manifest(NAME, "v1")
    assert caught.value.code == "SOC-4302"


# --- where it sends to -----------------------------------------------------------------------------------------------


def test_a_blob_that_lies_elsewhere_is_fetched_without_the_registry_s_credentials(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob = Descriptor("x", sha256(b"content"), 7)
    store.tokens = {"a:b": "a-token"}
    seen: list[str | None] = []
    with small_registry() as elsewhere:
        elsewhere.blobs[blob.digest] = b"content"
        elsewhere.on("GET", "/blobs/", lambda handler: bool(seen.append(handler.headers.get("Authorization"))))
        target = f"http://{elsewhere.host}/v2/{NAME}/blobs/{blob.digest}"
        store.on("GET", "/blobs/", lambda _handler: False)  # asked to sign in first
        store.on("GET", "/blobs/", lambda handler: handler.answer(307, Location=target))
        auth = tmp_path / "auth.json"
        auth.write_text(json.dumps({"auths": {store.host: {"auth": base64.b64encode(b"a:b").decode()}}}))
        monkeypatch.setenv("REGISTRY_AUTH_FILE", str(auth))
        buffer = io.BytesIO()
        client.Registry(store.host).fetch(NAME, blob, buffer)
    assert buffer.getvalue() == b"content"
    assert seen == [None]


@pytest.mark.parametrize("location", ["http://elsewhere.example/", "/v2/again/manifests/v1"])
def test_a_redirection_that_leads_nowhere_good(location: str, store: Store) -> None:
    store.on("GET", "/manifests/", lambda handler: handler.answer(307, Location=location), times=99)
    with pytest.raises(CloudError) as caught:
        reached(store).manifest("again", "v1")
    assert caught.value.code == "SOC-4307"


def test_signing_in_without_tls_is_refused(store: Store) -> None:
    challenge = 'Bearer realm="http://elsewhere.example/token",service="x"'
    store.on("GET", "/manifests/", lambda handler: handler.answer(401, WWW_Authenticate=challenge), times=9)
    with pytest.raises(CloudError) as caught:
        reached(store).manifest(NAME, "v1")
    assert caught.value.code == "SOC-4307"


def test_a_registry_is_called_by_its_address_and_known_by_its_name(tmp_path: Path) -> None:
    """TLS as in the lab: the certificate is the name's, its authority the cloud's, and nobody resolves the name."""
    import ssl

    from socle.lab import authority, wiring

    where = wiring.wiring()
    authority.ensure_authority(tmp_path / "ca.pem", tmp_path / "ca.key")
    authority.services_certificate(tmp_path / "ca.pem", tmp_path / "ca.key", where, tmp_path / "services.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "services.pem")
    with small_registry(context) as store:
        port = store.host.rpartition(":")[2]
        hosts: list[str | None] = []
        store.on("PUT", "/manifests/", lambda handler: bool(hosts.append(handler.headers.get("Host"))))
        registry = reached("registry.socle.test", address=f"localhost:{port}", ca=tmp_path / "ca.pem")
        made = layout(tmp_path / "layout")
        with archive.opened(made.folder) as source:
            push.push(source, source.image(), registry, NAME, "v1")
        assert hosts == ["registry.socle.test"]
        for wrong in ({"ca": None}, {"ca": tmp_path / "ca.pem", "host": "other.socle.test"}):
            host = str(wrong.pop("host", "registry.socle.test"))
            with pytest.raises(CloudError) as caught:
                reached(host, address=f"localhost:{port}", **wrong).manifest(NAME, "v1")
            assert caught.value.code == "SOC-4301"
