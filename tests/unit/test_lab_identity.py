"""The lab's identity provider, run on loopback from the files that the lab writes: a login by the code flow with PKCE,
over TLS that Python 3.13's strict checks accept."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import secrets as random
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import jwt
import pytest
import requests
import yaml
from requests.adapters import HTTPAdapter

from socle.cli import lab as command
from socle.errors import InputError
from socle.lab import access, apis, authority, optional, passwords, wiring
from socle.lab.optional import identity
from tests.conftest import ROOT

DOMAIN = "visio.test.example"
SECOND = "visio.second.example"
CALLBACK = f"https://{DOMAIN}/api/v1.0/callback/"
NAME = "identity.socle.test"
SECRETS = {name: f"secret of {name}" for name in passwords.NAMES}

needs_node = pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="node and npm are not installed: apt-get install npm"
)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("identity")
    identity.install(folder)
    return folder


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A lab's folders of the test's own."""
    for name in ("ETC", "DATA", "ACCESS"):
        monkeypatch.setattr(wiring, name, tmp_path / name.lower())
    monkeypatch.setattr(wiring, "IDENTITY", tmp_path / "identity.json")
    for name in ("ACCESS", "IDENTITY", "CLIENT_SECRET"):
        monkeypatch.setattr(access, name, tmp_path / "access" / {"ACCESS": "", "IDENTITY": "identity.json",
                                                                  "CLIENT_SECRET": "oidc.secret"}[name])  # fmt: skip
    (tmp_path / "access").mkdir()
    return tmp_path


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Front(BaseHTTPRequestHandler):
    """TLS in front, as the lab's HAProxy: the same host, and the header that says it was TLS."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: two would wait for each other (Nagle)
    behind: int

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def call(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        connection = http.client.HTTPConnection("127.0.0.1", self.behind, timeout=20)
        head = {k: v for k, v in self.headers.items() if k.lower() not in ("connection", "accept-encoding")}
        connection.request(self.command, self.path, data, {**head, "X-Forwarded-Proto": "https"})
        answer = connection.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "content-length", "connection", "keep-alive"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        connection.close()

    do_GET = do_POST = call


@pytest.fixture
def provider(lab: Path, program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Its issuer. What differs from the lab's file: two ports."""
    public, local = free_port(), free_port()
    one = replace(apis.BY_NAME["identity-provider"], port=public)
    monkeypatch.setattr(type(one), "local_port", property(lambda _self: local))
    monkeypatch.setitem(apis.BY_NAME, "identity-provider", one)
    monkeypatch.setattr(identity, "program", lambda: _Built(program))
    where = wiring.wiring()
    identity.remember([DOMAIN])
    identity.prepare(where, SECRETS)
    identity.offer(None, where, SECRETS)
    authority.ensure_authority(lab / "access/ca.pem", lab / "access/ca.key")
    authority.services_certificate(lab / "access/ca.pem", lab / "access/ca.key", where, lab / "services.pem")
    (row,) = identity.rows()
    inside = {"/lab/data": str(wiring.DATA), "/lab/etc": str(wiring.ETC)}
    argv = [re.sub(r"^/lab/(data|etc)", lambda m: inside[m[0]], word) for word in row["argv"]]
    server = ThreadingHTTPServer(("127.0.0.1", public), type("Own", (Front,), {"behind": local}))
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(lab / "services.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    real = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *more, **named: real("127.0.0.1" if host == NAME else host, *more, **named)
    )
    with (lab / "provider.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            _until(local, process, lab / "provider.log")
            yield identity.issuer(where)
        finally:
            process.terminate()
            process.wait(timeout=20)
            server.shutdown()
            server.server_close()
            thread.join()
    assert b"rror" not in (lab / "provider.log").read_bytes(), (lab / "provider.log").read_text()


class _Built:
    """The layer, already built."""

    digest = "built"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ensure(self) -> Path:
        return self.folder


def _until(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    pytest.fail("the provider does not start:\n" + log.read_text())


class Strict(HTTPAdapter):
    """Python 3.13's default, on any Python."""

    def __init__(self, ca: Path) -> None:
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.verify_flags |= ssl.VERIFY_X509_STRICT
        super().__init__()

    def init_poolmanager(self, *args: Any, **named: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **named)


class Person:
    """A browser without JavaScript, and the relying party that sent it."""

    def __init__(self, issuer: str, ca: Path) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.mount("https://", Strict(ca))
        self.issuer = issuer
        self.known = self.get(f"{issuer}/.well-known/openid-configuration").json()
        self.verifier = random.token_urlsafe(48)
        self.nonce = random.token_urlsafe(8)

    def get(self, url: str, **more: Any) -> requests.Response:
        return self.session.get(url, timeout=20, allow_redirects=False, **more)

    def post(self, url: str, data: dict[str, str], **more: Any) -> requests.Response:
        return self.session.post(url, data=data, timeout=20, allow_redirects=False, **more)

    def ask(self, **changes: str | None) -> requests.Response:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        asked: dict[str, str | None] = {
            "response_type": "code", "client_id": "visio", "redirect_uri": CALLBACK, "state": "the state",
            "scope": "openid email given_name usual_name", "nonce": self.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="), "code_challenge_method": "S256",
        }  # fmt: skip
        asked |= changes
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return self.get(f"{self.known['authorization_endpoint']}?{query}")

    def log_in(self, login: str, password: str) -> requests.Response:
        """What the form answers, once it is sent."""
        url = urljoin(self.issuer, self.ask().headers["Location"])
        page = self.get(url)
        assert page.status_code == 200 and "<script" not in page.text
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)
        assert action
        return self.post(urljoin(url, action[1]), {"login": login, "password": password})

    def code(self, login: str, password: str) -> dict[str, str]:
        """What the callback is given."""
        answer = self.log_in(login, password)
        while not (url := urljoin(self.issuer, answer.headers["Location"])).startswith(f"https://{DOMAIN}"):
            answer = self.get(url)
        return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}

    def token(self, code: str, **changes: str) -> requests.Response:
        asked = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "client_id": "visio",
            "client_secret": SECRETS["identity_client"], "code_verifier": self.verifier,
        }  # fmt: skip
        return self.post(self.known["token_endpoint"], {**asked, **changes})


def user(number: int = 0) -> dict[str, str]:
    return identity.users(wiring.wiring(), SECRETS)[number]


@needs_node
def test_a_login_from_discovery_to_logout(provider: str, lab: Path) -> None:
    given = json.loads((lab / "access/identity.json").read_text())
    assert (lab / "access/oidc.secret").read_text().strip() == given["client_secret"] == SECRETS["identity_client"]
    person = Person(provider, lab / "access/ca.pem")
    known = person.known
    assert known["issuer"] == provider == given["issuer"]
    named = {
        "authorization": "authorization_endpoint", "token": "token_endpoint", "userinfo": "userinfo_endpoint",
        "jwks": "jwks_uri", "logout": "end_session_endpoint",
    }  # fmt: skip
    assert given["endpoints"] == {name: known[key] for name, key in named.items()}, "what the lab hands out is true"
    who = given["users"][0]
    back = person.code(who["email"], who["password"])
    assert (back["state"], back["iss"]) == ("the state", provider)
    tokens = person.token(back["code"]).json()
    keys = {one["kid"]: one for one in person.get(known["jwks_uri"]).json()["keys"]}
    assert all("d" not in key for key in keys.values()), "the private half stays"
    head = jwt.get_unverified_header(tokens["id_token"])
    assert head["alg"] == "RS256"
    claims = jwt.decode(
        tokens["id_token"], jwt.PyJWK(keys[head["kid"]]).key, ["RS256"], audience="visio", issuer=provider
    )
    assert (claims["sub"], claims["nonce"]) == (who["sub"], person.nonce)
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    seen = person.get(known["userinfo_endpoint"], headers=bearer).json()
    assert seen == {name: who[name] for name in ("sub", "email", "given_name", "usual_name")}

    # once logged in nobody is asked again; a code is good once
    again = urlsplit(person.ask(prompt="none").headers["Location"])
    assert "code" in parse_qs(again.query)
    assert person.token(back["code"]).status_code == 400

    left = {
        "id_token_hint": tokens["id_token"],
        "post_logout_redirect_uri": f"https://{DOMAIN}/api/v1.0/logout-callback/",
    }
    page = person.get(f"{known['end_session_endpoint']}?{urlencode({**left, 'state': 'bye'})}")
    action = re.search(r'action="([^"]+)"', page.text)
    xsrf = re.search(r'name="xsrf" value="([^"]+)"', page.text)
    assert action and xsrf
    done = person.post(unescape(action[1]), {"xsrf": xsrf[1], "logout": "yes"})
    assert done.headers["Location"] == f"https://{DOMAIN}/api/v1.0/logout-callback/?state=bye"
    assert "error=login_required" in person.ask(prompt="none").headers["Location"]


@needs_node
def test_what_is_refused(provider: str, lab: Path) -> None:
    def person() -> Person:
        return Person(provider, lab / "access/ca.pem")

    wrong = person().log_in(user()["email"], "no")
    assert wrong.status_code == 401 and "incorrect" in wrong.text
    assert person().log_in("nobody@socle.test", "").status_code == 401
    assert "error=invalid_request" in person().ask(code_challenge=None, code_challenge_method=None).headers["Location"]
    assert person().ask(redirect_uri="https://elsewhere.example/").status_code == 400
    assert person().ask(client_id="another").status_code == 400
    assert "error=" in person().ask(response_type="token").headers["Location"]

    one = person()
    code = one.code(user(1)["email"], user(1)["password"])["code"]
    assert one.token(code, client_secret="no").status_code == 401
    assert one.token(code, code_verifier="x" * 50).status_code == 400
    assert one.get(one.known["userinfo_endpoint"], headers={"Authorization": "Bearer no"}).status_code == 401
    # a login belongs to whoever began it
    stolen = urljoin(provider, one.ask(prompt="login").headers["Location"])
    assert person().get(stolen).status_code == 400


@needs_node
def test_another_stack_is_let_in_while_it_runs(provider: str, lab: Path) -> None:
    callback = f"https://{SECOND}/api/v1.0/callback/"
    assert Person(provider, lab / "access/ca.pem").ask(redirect_uri=callback).status_code == 400
    identity.admit(wiring.wiring(), SECRETS, [SECOND])
    answer = Person(provider, lab / "access/ca.pem").ask(redirect_uri=callback)
    assert "/login/" in answer.headers["Location"]


def test_nothing_of_it_is_world_readable(lab: Path) -> None:
    identity.remember([DOMAIN])
    identity.write_configuration(wiring.wiring(), SECRETS)
    identity.offer(None, wiring.wiring(), SECRETS)
    files = [*(lab / "access").iterdir(), wiring.IDENTITY, wiring.ETC / identity.CONFIGURATION]
    assert len(files) == 4
    assert all(file.stat().st_mode & 0o077 == 0 for file in files)


def test_the_key_and_the_stacks_stay_until_the_lab_goes(lab: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(identity, "program", lambda: _Built(lab / "none"))
    (lab / "none").mkdir()
    identity.remember([DOMAIN])
    identity.prepare(wiring.wiring(), SECRETS)
    key = identity.kept()["key"]
    identity.remember([SECOND])
    identity.prepare(wiring.wiring(), SECRETS)
    assert identity.kept() == {"domains": sorted([DOMAIN, SECOND]), "key": key}
    written = json.loads((wiring.ETC / identity.CONFIGURATION).read_text())
    assert len(written["clients"][0]["redirect_uris"]) == 2


def stack(folder: Path, **given: str) -> str:
    data = yaml.safe_load((ROOT / "stacks/demo.yaml").read_text(encoding="utf-8"))
    file = folder / "proof.yaml"
    file.write_text(yaml.safe_dump({**data, "domain": DOMAIN, "identity": given}, allow_unicode=True))
    return str(file)


def test_a_stack_of_the_lab_s_issuer_asks_for_it(tmp_path: Path) -> None:
    issuer = identity.issuer(wiring.wiring())
    ours = stack(tmp_path, provider="oidc", issuer=issuer)
    assert command.domain_of(ours) == DOMAIN
    assert "identity" in command.groups_of(ours)
    for other in ("https://idp.example", "https://evilsocle.test", "https://socle.test.example"):
        elsewhere = stack(tmp_path, provider="oidc", issuer=other)
        assert command.domain_of(elsewhere) is None
        assert "identity" not in command.groups_of(elsewhere)
    assert command.domain_of("demo") is None


def test_an_issuer_of_the_lab_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        command.domain_of(stack(tmp_path, provider="oidc", issuer="https://identity.socle.test:1/other"))
    assert caught.value.code == "SOC-6024"
    assert identity.issuer(wiring.wiring()) in caught.value.hint


def test_it_is_in_no_catalogue_and_has_no_account() -> None:
    api = optional.GROUPS["identity"].api
    assert api.catalogue("198.51.100.2") == []
    assert api.name not in apis.SERVICE_USERS
    assert NAME in wiring.wiring().names
