"""HTTP to one registry and to where it sends: who is trusted, what each host is told."""

from __future__ import annotations

import re
import ssl
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests import adapters, exceptions, utils

from socle.engine.patience import Patience
from socle.errors import InputError
from socle.images.credentials import HUB, HUB_HOST

LOOPBACK = re.compile(r"(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?")
HOPS = 5  # redirections of one call


@cache
def _the_machine_s() -> ssl.SSLContext:
    """Read once: all its authorities take some 20 ms."""
    return ssl.create_default_context()


class Trusting(adapters.HTTPAdapter):
    """Trusts what the machine trusts, and one authority more. `name`: the certificate's, where an address is called."""

    def __init__(self, ca: Path | None, name: str = "") -> None:
        self._ca, self._name = ca, name
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        # urllib3 changes the context of a connection whose certificate has another name
        context = ssl.create_default_context() if self._ca or self._name else _the_machine_s()
        if self._ca:
            context.load_verify_locations(self._ca)
        if self._name:
            kwargs |= {"server_hostname": self._name, "assert_hostname": self._name}
        super().init_poolmanager(*args, ssl_context=context, **kwargs)


class Transport:
    """`host`: HOST[:PORT]; `address`: where it is, for who cannot resolve it. Plain HTTP is for loopback alone."""

    def __init__(self, host: str, address: str, ca: Path | None, patience: Patience) -> None:
        self.host = host
        server = HUB_HOST if host == HUB else host
        self.base = f"{'http' if LOOPBACK.fullmatch(server) else 'https'}://{address or server}"
        self._limits = (patience.accept, patience.answer)
        self._address = address
        self._session = requests.Session()
        self._session.trust_env = False  # neither .netrc nor a variable decides who signs in or who is trusted
        try:
            self._session.mount("https://", Trusting(ca))
            if address:
                self._session.mount(self.base, Trusting(ca, host.partition(":")[0]))
        except OSError as error:
            raise InputError("SOC-1409", "the registry's authority cannot be read: {file}", file=ca) from error

    def is_own(self, url: str) -> bool:
        return urlsplit(url).netloc == urlsplit(self.base).netloc

    def absolute(self, given: str, before: str) -> str:
        """What an answer names; the registry's own name is its address here. Raises InvalidURL without TLS."""
        own = f"//{urlsplit(self.base).netloc}/"
        url = urljoin(before, given).replace(f"//{self.host}/", own, 1)
        if not url.startswith("https://") and not LOOPBACK.fullmatch(urlsplit(url).netloc):
            raise exceptions.InvalidURL(f"it sends elsewhere without TLS: {urlsplit(url).netloc}")
        return url

    def send(self, method: str, url: str, *, allowed: str = "", **more: Any) -> requests.Response:
        """One call; reading follows where it is sent, and takes `allowed` (credentials) nowhere else."""
        headers = dict(more.pop("headers", None) or {})
        for _hop in range(HOPS):
            own = self.is_own(url)
            head = {**headers, **({"Authorization": allowed} if own and allowed else {})}
            if own and self._address:
                head["Host"] = self.host
            proxies = {} if own and self._address else utils.get_environ_proxies(url)
            answer = self._session.request(
                method, url, headers=head, timeout=self._limits, allow_redirects=False, proxies=proxies, **more
            )
            if method not in ("GET", "HEAD") or not answer.is_redirect:
                return answer
            answer.close()
            url = self.absolute(answer.headers["Location"], url)
        raise exceptions.TooManyRedirects("it sends in circles")
