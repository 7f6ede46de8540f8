"""Registries and archives for tests: Debian's registry where it is installed, and a small one that fails as asked."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import ssl
import subprocess
import tarfile
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from socle.engine.patience import Patience
from socle.images.kinds import OCI_CONFIGURATION, OCI_INDEX, OCI_MANIFEST
from socle.images.registry import Registry

ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
HURRIED = Patience(accept=2, answer=5, pauses=(0, 0), sleep=lambda _seconds: None)


def sha256(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def zstd(data: bytes) -> bytes:
    """A frame of RFC 8878 with stored blocks: what zstd writes for data that does not shrink."""
    frame = b"\x28\xb5\x2f\xfd\xa0" + len(data).to_bytes(4, "little")
    steps = [data[at : at + (1 << 17)] for at in range(0, len(data), 1 << 17)] or [b""]
    for number, step in enumerate(steps):
        last = number == len(steps) - 1
        frame += (int(last) | len(step) << 3).to_bytes(3, "little") + step
    return frame


def plain(value: object) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


@dataclass
class Made:
    """An OCI layout in a folder."""

    folder: Path
    root: dict[str, Any] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        return str(self.root["digest"])

    def add(self, data: bytes, kind: str, **more: Any) -> dict[str, Any]:
        blobs = self.folder / "blobs/sha256"
        blobs.mkdir(parents=True, exist_ok=True)
        (blobs / hashlib.sha256(data).hexdigest()).write_bytes(data)
        return {"mediaType": kind, "digest": sha256(data), "size": len(data), **more}

    def blob(self, digest: str) -> Path:
        return self.folder / "blobs/sha256" / digest.removeprefix("sha256:")

    def image(
        self, content: bytes = b"some files\n" * 20_000, platform: str = "linux/amd64", layer: str = ZSTD, **more: Any
    ) -> dict[str, Any]:
        system, architecture = platform.split("/")
        config = {
            "os": system,
            "architecture": architecture,
            "config": {"Labels": {"org.opencontainers.image.version": "v1.27.0"}},
            "rootfs": {"type": "layers", "diff_ids": [sha256(content)]},
        }
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "config": self.add(plain(config), OCI_CONFIGURATION),
            "layers": [self.add(zstd(content), layer)],
            **more,
        }
        return self.add(plain(manifest), OCI_MANIFEST)

    def index(self, *children: dict[str, Any]) -> dict[str, Any]:
        return self.add(plain({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": list(children)}), OCI_INDEX)

    def finish(self, *roots: dict[str, Any]) -> Made:
        self.root = roots[0]
        (self.folder / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (self.folder / "index.json").write_bytes(plain({"schemaVersion": 2, "manifests": list(roots)}))
        return self

    def tar(self, file: Path) -> Path:
        with tarfile.open(file, "w") as tar:
            for path in sorted(self.folder.rglob("*")):
                tar.add(path, arcname=path.relative_to(self.folder).as_posix(), recursive=False)
        return file


def layout(folder: Path, version: str = "v1.27.0", **more: Any) -> Made:
    """One small image, of one zstd layer."""
    folder.mkdir(parents=True)
    made = Made(folder)
    root = made.image(**more)
    return made.finish({**root, "annotations": {"org.opencontainers.image.ref.name": version}})


# --- a registry in this process --------------------------------------------------------------------------------------

Fault = Callable[["Handler"], bool]  # whether it answered in the registry's place


@dataclass
class Store:
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    faults: list[tuple[str, str, Fault]] = field(default_factory=list)  # method, part of the path, what happens once
    lists_referrers: bool = False
    tokens: dict[str, str] = field(default_factory=dict)  # {user:password}: token; empty: nobody signs in
    host: str = ""

    def on(self, method: str, path: str, fault: Fault, times: int = 1) -> None:
        self.faults += [(method, path, fault)] * times

    def tags(self) -> set[str]:
        return {reference for _name, reference in self.manifests if not reference.startswith("sha256:")}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer in one piece: two would wait for each other (Nagle)
    store: Store

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self, status: int, body: bytes = b"", **head: str) -> bool:
        self.send_response(status)
        for name, value in head.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in head:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        return True

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_call(self) -> None:
        store, path = self.store, self.path
        store.calls.append((self.command, path))
        for entry in store.faults:
            method, part, fault = entry
            if method == self.command and part in path:
                store.faults.remove(entry)
                if fault(self):
                    return
                break
        if store.tokens and not path.startswith("/token"):
            given = self.headers.get("Authorization", "").removeprefix("Bearer ")
            if given not in store.tokens.values():
                self.body()
                challenge = f'Bearer realm="http://{store.host}/token",service="test"'
                self.answer(401, plain({"errors": [{"code": "UNAUTHORIZED"}]}), WWW_Authenticate=challenge)
                return
        for pattern, action in self.ROUTES:
            if found := re.fullmatch(pattern, path):
                action(self, *found.groups())
                return
        self.answer(404)

    do_GET = do_HEAD = do_PUT = do_POST = do_PATCH = handle_call

    def token(self) -> None:
        import base64

        pair = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        known = self.store.tokens.get(pair)
        self.answer(200, plain({"token": known})) if known else self.answer(401)

    def blob(self, _name: str, digest: str) -> None:
        data = self.store.blobs.get(digest)
        self.answer(404) if data is None else self.answer(200, data)

    def manifest(self, name: str, reference: str) -> None:
        store = self.store
        if self.command == "PUT":
            kind, data = self.headers["Content-Type"], self.body()
            for key in {reference, sha256(data)}:
                store.manifests[name, key] = kind, data
            subject = json.loads(data).get("subject")
            listed = {"OCI_Subject": subject["digest"]} if subject and store.lists_referrers else {}
            self.answer(201, Docker_Content_Digest=sha256(data), **listed)
            return
        found = store.manifests.get((name, reference))
        self.answer(200, found[1], Content_Type=found[0]) if found else self.answer(404)

    def upload(self, name: str, known: str) -> None:
        store, number = self.store, known.partition("?")[0]
        if self.command == "POST":
            number = str(len(store.uploads))
            store.uploads[number] = b""
        elif number not in store.uploads:
            self.body()
            self.answer(404)
            return
        elif self.command == "PATCH":
            store.uploads[number] += self.body()
        elif self.command == "PUT":
            data = store.uploads.pop(number) + self.body()
            digest = known.partition("digest=")[2]
            if sha256(data) != digest:
                self.answer(400, plain({"errors": [{"code": "DIGEST_INVALID"}]}))
                return
            store.blobs[digest] = data
            self.answer(201)
            return
        last = max(0, len(store.uploads[number]) - 1)
        status = 204 if self.command == "GET" else 202
        self.answer(status, Location=f"/v2/{name}/blobs/uploads/{number}", Range=f"0-{last}")

    def referrers(self, name: str, digest: str) -> None:
        if not self.store.lists_referrers:
            self.answer(404)
            return
        found = []
        for (place, key), (kind, data) in self.store.manifests.items():
            raw = json.loads(data)
            if place == name and key.startswith("sha256:") and (raw.get("subject") or {}).get("digest") == digest:
                found.append({"mediaType": kind, "digest": key, "size": len(data)})
        index = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
        self.answer(200, plain(index), Content_Type=OCI_INDEX)

    ROUTES = (
        (r"/token.*", token),
        (r"/v2/(.+)/blobs/uploads/(.*)", upload),
        (r"/v2/(.+)/blobs/(sha256:[0-9a-f]{64})", blob),
        (r"/v2/(.+)/manifests/(.+)", manifest),
        (r"/v2/(.+)/referrers/(.+)", referrers),
    )


@contextmanager
def small_registry(tls: ssl.SSLContext | None = None) -> Iterator[Store]:
    store = Store()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"store": store}))
    server.daemon_threads = True
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    store.host = f"127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def debian_registry(folder: Path) -> Iterator[str]:
    """The program that the lab runs, on loopback; its host and port."""
    import socket

    program = shutil.which("docker-registry")
    assert program
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{probe.getsockname()[1]}"
    configuration = {
        "version": 0.1,
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"filesystem": {"rootdirectory": str(folder / "registry")}},
        "http": {"addr": host, "relativeurls": True},
    }
    (folder / "registry.yml").write_bytes(plain(configuration))
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([program, "serve", str(folder / "registry.yml")], stdout=log, stderr=log)
        try:
            _until_it_answers(host, process)
            yield host
        finally:
            process.terminate()
            process.wait(timeout=20)


def _until_it_answers(host: str, process: subprocess.Popen[bytes]) -> None:
    import time

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    end = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < end:
        try:
            opener.open(f"http://{host}/v2/", timeout=2).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the registry does not start")


def reached(store_or_host: Store | str, **more: Any) -> Registry:
    host = store_or_host.host if isinstance(store_or_host, Store) else store_or_host
    return Registry(host, patience=HURRIED, sign_in=lambda _host, _name: None, **more)
