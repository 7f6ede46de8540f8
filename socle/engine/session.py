"""How the cloud's APIs are asked: how long each answer is waited for, and what is asked again when one fails.

keystoneauth has retries of its own. They repeat writes too, wait as long as a `Retry-After` says (a day, if it says so)
and go on without an answer that broke off; so they stay off, and this session does it below them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from keystoneauth1.session import TCPKeepAliveAdapter
from requests import exceptions

from socle.engine import answers
from socle.engine.build import say
from socle.engine.patience import PATIENCE, Patience
from socle.errors import CloudError
from socle.messages import _

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # idempotent: RFC 9110, 9.2.2
PASSING = frozenset({429, 500, 502, 503, 504})  # what may be over a moment later
PASSING_FAULTS = (
    exceptions.ConnectionError,  # refused, reset, no way, TLS that broke off
    exceptions.Timeout,
    exceptions.ChunkedEncodingError,
    exceptions.ContentDecodingError,
)
UNTRUSTED = "SOC-4104"  # a certificate does not mend itself
NOTICED = 4  # seconds: a longer pause is said


class Session(requests.Session):
    """Makes a repeatable call again while its failure may pass. Raises CloudError where it does not."""

    def __init__(self, patience: Patience = PATIENCE) -> None:
        super().__init__()
        self.patience = patience
        for scheme in list(self.adapters):
            self.mount(scheme, TCPKeepAliveAdapter())

    def request(self, method: str, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs["timeout"] = (self.patience.accept, self.patience.answer)
        address = url if isinstance(url, str) else url.decode()
        what = answers.call(method, address)
        pauses = iter(self.patience.pauses if repeatable(method, address, kwargs.get("data")) else ())
        started = self.patience.now()
        while True:
            asked = None
            try:
                response = super().request(method, url, *args, **kwargs)
            except PASSING_FAULTS as error:
                failure = _failure(error, what, self.patience.answer)
            else:
                if not _unusable(response):
                    return response
                failure, asked = _failed(response, what), retry_after(response)
            pause = self._pause(pauses, asked, started) if failure.code != UNTRUSTED else None
            if pause is None:
                raise failure
            if pause >= NOTICED:
                message = _("asking the cloud again in {seconds} s: {reason}")
                say(message.format(seconds=round(pause), reason=failure.message))
            self.patience.sleep(pause)

    def _pause(self, pauses: Iterator[float], asked: float | None, started: float) -> float | None:
        """Seconds to the next attempt; None when there is none."""
        pause = next(pauses, None)
        if pause is None or (asked or 0) > self.patience.longest:
            return None
        pause = max(pause, asked or 0)
        return pause if self.patience.now() - started + pause <= self.patience.total else None


def repeatable(method: str, url: str, data: Any = None) -> bool:
    """Whether a call made twice does what one does: a second token or a second look at a console harms nobody."""
    if method.upper() in REPEATABLE:
        return True
    return method.upper() == "POST" and (url.endswith("/auth/tokens") or "os-getConsoleOutput" in str(data))


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the answer asks to wait (RFC 9110, 10.2.3): a number or a date."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked[:9])
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _failure(error: Exception, what: str, waited: float) -> CloudError:
    """Of a call without an answer."""
    if isinstance(error, exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return answers.untrusted(what)
    if isinstance(error, exceptions.ChunkedEncodingError | exceptions.ContentDecodingError):
        return answers.unreadable(what, error)
    if isinstance(error, exceptions.ReadTimeout) or "Read timed out" in str(error):  # the latter: amid an answer
        return answers.silent(what, waited)
    return answers.unreachable(what, error)


def _failed(response: requests.Response, what: str) -> CloudError:
    if response.status_code in PASSING:
        return answers.refused(response.status_code, what, answers.said(response))
    return answers.unreadable(what)


def _unusable(response: requests.Response) -> bool:
    """A failure that may pass, or half an answer: it says that it is JSON, and is not."""
    if response.status_code >= 400:
        return response.status_code in PASSING
    if "json" not in response.headers.get("Content-Type", "") or not response.content:
        return False
    try:
        response.json()
    except ValueError:
        return True
    return False
