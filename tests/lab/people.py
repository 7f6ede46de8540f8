"""Visio's users as their browsers act: a login at the provider's own form, a room, a token. No JavaScript."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import connection


@dataclass
class Browser:
    """`where`: name -> address, of the hosts that are asked; `authority`: whose certificates are trusted."""

    origin: str
    where: dict[str, str]
    authority: str

    def __post_init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.authority
        self.session.mount("https://", _Mapped(self.where))

    def get(self, url: str) -> requests.Response:
        return self.session.get(url, timeout=30, allow_redirects=False)

    def followed(self, answer: requests.Response) -> requests.Response:
        """Redirects, up to the first answer that is none."""
        while answer.is_redirect:
            answer = self.get(urljoin(answer.url, answer.headers["Location"]))
        return answer

    def log_in(self, login: str, password: str) -> requests.Response:
        """From Visio's button to Visio's page, through the provider's form."""
        form = self.followed(self.get(f"{self.origin}/api/v1.0/authenticate/?returnTo={self.origin}/"))
        assert urlsplit(form.url).netloc != urlsplit(self.origin).netloc, f"not sent to the provider: {form.url}"
        action = re.search(r'<form method="post" action="([^"]+)"', form.text)
        assert action, form.text
        given = {"login": login, "password": password}
        return self.followed(
            self.session.post(urljoin(form.url, action[1]), data=given, timeout=30, allow_redirects=False)
        )

    def asked(self, path: str) -> requests.Response:
        return self.get(f"{self.origin}/api/v1.0/{path}")

    def posted(self, path: str, body: dict[str, Any], patience: float = 30) -> requests.Response:
        headers = {"X-CSRFToken": self.session.cookies.get("csrftoken") or "", "Referer": f"{self.origin}/"}
        return self.session.post(f"{self.origin}/api/v1.0/{path}", json=body, headers=headers, timeout=patience)


class _Mapped(HTTPAdapter):
    """Connects to the given address of a name; the certificate is still the name's."""

    def __init__(self, where: dict[str, str]) -> None:
        self._where = where
        super().__init__()

    def send(self, *arguments: Any, **named: Any) -> requests.Response:
        plain = connection.create_connection

        def mapped(address: tuple[str, int], *rest: Any, **more: Any) -> Any:
            return plain((self._where.get(address[0], address[0]), address[1]), *rest, **more)

        connection.create_connection = mapped
        try:
            return super().send(*arguments, **named)
        finally:
            connection.create_connection = plain
