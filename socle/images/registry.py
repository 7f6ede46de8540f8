"""A registry, spoken to by the OCI distribution API 1.1.

Own and small, on `requests`: of the libraries that exist, oras has no time limits and no referrers, python-dxf no
referrers and no upload that goes on after a break.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO
from urllib.parse import urlsplit

import requests
from requests import exceptions

from socle.engine.patience import PATIENCE, Patience
from socle.engine.session import retry_after
from socle.errors import CloudError, InputError
from socle.images import kinds
from socle.images.credentials import Login, login
from socle.images.kinds import Descriptor, Malformed
from socle.images.transport import Transport

CHUNK = 16 << 20  # bytes sent at once: what a break costs
ACCEPT = ", ".join((*kinds.MANIFESTS, *kinds.INDEXES))
BINARY = "application/octet-stream"
PASSING = ("SOC-4301", "SOC-4305", "SOC-4306", "SOC-4307")  # may mend itself
CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Held:
    """A manifest of the registry, with the digest of its bytes."""

    kind: str
    data: bytes

    @property
    def descriptor(self) -> Descriptor:
        return Descriptor(self.kind, "sha256:" + hashlib.sha256(self.data).hexdigest(), len(self.data))


class Registry:
    """`host`: HOST[:PORT]; `address`: where it is, for who cannot resolve it. Plain HTTP is for loopback alone."""

    def __init__(
        self,
        host: str,
        *,
        address: str = "",
        ca: Path | None = None,
        patience: Patience = PATIENCE,
        sign_in: Callable[[str, str], Login | None] = login,
    ) -> None:
        self.host = host
        self.patience = patience
        self._sign_in = sign_in
        self._allowed: dict[tuple[str, bool], str] = {}  # (repository, writes): value of Authorization
        self._wire = Transport(host, address, ca, patience)
        self.base = self._wire.base

    # --- manifests ---------------------------------------------------------------------------------------------------

    def manifest(self, repository: str, reference: str) -> Held | None:
        """By tag or digest; None where it is not there. Raises SOC-4308 for other bytes than the digest's."""
        url = f"{self.base}/v2/{repository}/manifests/{reference}"
        answer = self._call("GET", url, repository, (200, 404), headers={"Accept": ACCEPT})
        if answer.status_code == 404:
            return None
        held = Held(answer.headers.get("Content-Type", "").partition(";")[0].strip(), answer.content)
        if len(held.data) > kinds.LARGEST_DOCUMENT:
            raise self._half(url, "too large for a manifest")
        if kinds.DIGEST.fullmatch(reference) and held.descriptor.digest != reference:
            raise self._other(reference, held.descriptor.digest)
        try:
            kinds.document(held.data, held.kind)
        except Malformed as error:
            raise self._half(url, str(error)) from None
        return held

    def put_manifest(self, repository: str, reference: str, kind: str, data: bytes) -> bool:
        """Whether the registry keeps the list of referrers itself (it answers with OCI-Subject)."""
        url = f"{self.base}/v2/{repository}/manifests/{reference}"
        answer = self._call("PUT", url, repository, (201,), headers={"Content-Type": kind}, data=data)
        wanted = "sha256:" + hashlib.sha256(data).hexdigest()
        if (said := answer.headers.get("Docker-Content-Digest", wanted)) != wanted:
            raise self._other(wanted, said)
        return bool(answer.headers.get("OCI-Subject"))

    def referrers(self, repository: str, digest: str) -> tuple[Descriptor, ...]:
        """What refers to the digest: by the API of 1.1, else by the tag that stands for it."""
        url = f"{self.base}/v2/{repository}/referrers/{digest}"
        answer = self._call("GET", url, repository, (200, 404), headers={"Accept": kinds.OCI_INDEX})
        if answer.status_code == 200 and kinds.OCI_INDEX in answer.headers.get("Content-Type", ""):
            try:
                return kinds.document(answer.content, kinds.OCI_INDEX).children
            except Malformed as error:
                raise self._half(url, str(error)) from None
        held = self.manifest(repository, digest.replace(":", "-"))
        return kinds.document(held.data, held.kind).children if held else ()

    # --- blobs -------------------------------------------------------------------------------------------------------

    def has_blob(self, repository: str, one: Descriptor) -> bool:
        url = f"{self.base}/v2/{repository}/blobs/{one.digest}"
        answer = self._call("HEAD", url, repository, (200, 404))
        return answer.status_code == 200 and int(answer.headers.get("Content-Length", one.size)) == one.size

    def fetch(self, repository: str, one: Descriptor, target: IO[bytes]) -> None:
        """Writes the blob, whole and checked. Raises SOC-4304, SOC-4307, SOC-4308."""
        url = f"{self.base}/v2/{repository}/blobs/{one.digest}"
        for pause in (*self.patience.pauses, None):
            target.seek(0)
            target.truncate()
            try:
                self._fetch(url, repository, one, target)
                return
            except CloudError as error:
                self._wait(error, pause)

    def _fetch(self, url: str, repository: str, one: Descriptor, target: IO[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        with self._call("GET", url, repository, (200,), stream=True, attempts=1) as answer:
            try:
                for step in answer.iter_content(1 << 20):
                    size += len(step)
                    if size > one.size:
                        raise self._half(url, f"more than {one.size} bytes")
                    digest.update(step)
                    target.write(step)
            except exceptions.RequestException as error:
                raise self._half(url, type(error).__name__) from None
        if size != one.size:
            raise self._half(url, f"{size} of {one.size} bytes")
        if digest.hexdigest() != one.hexadecimal:
            raise self._other(one.digest, f"sha256:{digest.hexdigest()}")

    def small(self, repository: str, one: Descriptor) -> bytes:
        """A blob that is read here: at most LARGEST_DOCUMENT."""
        if one.size > kinds.LARGEST_DOCUMENT:
            raise self._half(one.digest, "too large to be read")
        buffer = io.BytesIO()
        self.fetch(repository, one, buffer)
        return buffer.getvalue()

    def upload(self, repository: str, one: Descriptor, stream: BinaryIO) -> None:
        """In pieces; after a break it goes on with what the registry has."""
        location, done = self._begin(repository), 0
        pauses = iter(self.patience.pauses)
        while done < one.size:
            stream.seek(done)
            piece = stream.read(min(CHUNK, one.size - done))
            if not piece:
                raise InputError("SOC-1402", "{file} is damaged or cut short: {why}", file=one.digest, why=done)
            head = {"Content-Type": BINARY, "Content-Range": f"{done}-{done + len(piece) - 1}"}
            try:
                answer = self._call("PATCH", location, repository, (202,), headers=head, data=piece, attempts=1)
                location, done = self._location(answer, location), done + len(piece)
            except CloudError as error:
                self._wait(error, next(pauses, None))
                location, done = self._went(repository, location)
        closed = f"{location}{'&' if urlsplit(location).query else '?'}digest={one.digest}"
        answer = self._call("PUT", closed, repository, (201, 400), headers={"Content-Type": BINARY}, data=b"")
        if answer.status_code == 400:
            raise self._other(one.digest, _said(answer))

    def _begin(self, repository: str) -> str:
        url = f"{self.base}/v2/{repository}/blobs/uploads/"
        return self._location(self._call("POST", url, repository, (202,), data=b""), url)

    def _went(self, repository: str, location: str) -> tuple[str, int]:
        """Where an upload that broke off stands; from the beginning where the registry has forgotten it."""
        answer = self._call("GET", location, repository, (204, 404))
        found = re.search(r"0-(\d+)$", answer.headers.get("Range", ""))
        if answer.status_code != 204 or not found:
            return self._begin(repository), 0
        last = int(found[1])
        return self._location(answer, location), last + 1 if last else 0

    def _location(self, answer: requests.Response, before: str) -> str:
        given = answer.headers.get("Location")
        if not given and answer.request.method == "GET":
            return before
        if not given:
            raise self._half(before, "no place to send to")
        try:
            return self._wire.absolute(given, before)
        except exceptions.InvalidURL as error:
            raise self._half(before, str(error)) from None

    # --- one call ----------------------------------------------------------------------------------------------------

    def _wait(self, error: CloudError, pause: float | None) -> None:
        """Before another attempt; raises what will not mend itself, or was waited for long enough."""
        if error.code not in PASSING or pause is None:
            raise error
        self.patience.sleep(pause)

    def _call(
        self,
        method: str,
        url: str,
        repository: str,
        expected: Sequence[int],
        *,
        headers: dict[str, str] | None = None,
        data: bytes | None = None,
        stream: bool = False,
        attempts: int = 5,
    ) -> requests.Response:
        """An answer of one of these statuses; what may pass is asked for again. Raises CloudError."""
        pauses = iter(self.patience.pauses[: attempts - 1])
        while True:
            asked = None
            try:
                answer = self._once(method, url, repository, headers, data, stream)
                if answer.status_code in expected:
                    return answer
                failure, asked = self._refused(answer, url), retry_after(answer)
            except exceptions.RequestException as error:
                failure = self._failed(error, url)
            pause = next(pauses, None)
            if failure.code not in PASSING or pause is None or (asked or 0) > self.patience.longest:
                raise failure
            self.patience.sleep(max(pause, asked or 0))

    def _once(
        self, method: str, url: str, repository: str, headers: dict[str, str] | None, data: bytes | None, stream: bool
    ) -> requests.Response:
        key = repository, method not in ("GET", "HEAD")
        for signed_in in (False, True):
            allowed = self._allowed.get(key, "")
            answer = self._wire.send(method, url, allowed=allowed, headers=headers, data=data, stream=stream)
            if answer.status_code != 401 or signed_in or not self._wire.is_own(url):
                break
            if not self._authorize(answer.headers.get("WWW-Authenticate", ""), key):
                break
        return answer

    def _authorize(self, challenge: str, key: tuple[str, bool]) -> bool:
        """Gets what the registry asks for; whether there is something to try."""
        repository, writes = key
        known = self._sign_in(self.host, repository)
        way, _space, rest = challenge.partition(" ")
        if way.lower() == "basic" and known:
            pair = f"{known.user}:{known.password}".encode()
            self._allowed[key] = f"Basic {base64.b64encode(pair).decode()}"
            return True
        if way.lower() != "bearer":
            return False
        asked = dict(CHALLENGE.findall(rest))
        realm = self._wire.absolute(asked.get("realm", ""), self.base)
        scope = f"repository:{repository}:{'pull,push' if writes else 'pull'}"
        ask = {"service": asked.get("service", ""), "scope": scope}
        if known and known.identity_token:
            form = {**ask, "grant_type": "refresh_token", "refresh_token": known.identity_token, "client_id": "socle"}
            answer = self._wire.send("POST", realm, data=form)
        else:
            account = (known.user, known.password) if known else None
            answer = self._wire.send("GET", realm, params=ask, auth=account)
        if answer.status_code != 200:
            raise self._refused(answer, realm)
        token = None
        with suppress(ValueError, AttributeError):
            token = answer.json().get("token") or answer.json().get("access_token")
        if not isinstance(token, str):
            raise self._half(realm, "no token")
        self._allowed[key] = f"Bearer {token}"
        return True

    # --- refusals ----------------------------------------------------------------------------------------------------

    def _failed(self, error: exceptions.RequestException, url: str) -> CloudError:
        if isinstance(error, exceptions.InvalidURL | exceptions.TooManyRedirects):
            return self._half(url, str(error))
        if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
            return self._half(url, type(error).__name__)
        return CloudError(
            "SOC-4301", "the registry does not answer: {registry}", registry=self.host, hint=_reason(error)
        )

    def _half(self, url: str, why: str) -> CloudError:
        return CloudError(
            "SOC-4307",
            "half an answer of {registry}, or of another form: {why}",
            registry=self.host,
            why=why,
            hint=urlsplit(url).path,
        )

    def _other(self, wanted: str, found: str) -> CloudError:
        return CloudError(
            "SOC-4308",
            "{registry} has other content under {digest}: {found}",
            registry=self.host,
            digest=wanted,
            found=found,
        )

    def _refused(self, answer: requests.Response, url: str) -> CloudError:
        status, hint = answer.status_code, f"{urlsplit(url).path}\n{_said(answer)}".strip()
        if status == 401:
            return CloudError("SOC-4302", "{registry} wants other credentials", registry=self.host, hint=hint)
        if status == 403:
            return CloudError("SOC-4303", "{registry} forbids it", registry=self.host, hint=hint)
        if status == 404:
            return CloudError("SOC-4304", "{registry} does not have it", registry=self.host, hint=hint)
        if status == 429:
            return CloudError("SOC-4305", "{registry} allows fewer calls", registry=self.host, hint=hint)
        if status >= 500:
            return CloudError(
                "SOC-4306", "{registry} failed itself: {status}", registry=self.host, status=status, hint=hint
            )
        return CloudError("SOC-4309", "{registry} refuses: {status}", registry=self.host, status=status, hint=hint)


def _said(answer: requests.Response) -> str:
    """The registry's own words, without anything of a page."""
    with suppress(ValueError, KeyError, TypeError, IndexError, AttributeError, exceptions.RequestException):
        first = json.loads(answer.content[: kinds.LARGEST_DOCUMENT])["errors"][0]
        return f"{first.get('code', '')}: {first.get('message', '')}"[:300]
    return ""


def _reason(error: Exception) -> str:
    """The last cause, in the words of the system."""
    cause: BaseException | None = error
    while cause and (deeper := cause.__cause__ or cause.__context__):
        cause = deeper
    return f"{type(cause).__name__}: {cause}"[:300]
