"""What the pages' front says in its headers, to anybody."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

from socle.probe.tls import TIMEOUT, trust


def headers(address: str, port: int, name: str, ca: Path | None, *, timeout: float = TIMEOUT) -> dict[str, str] | None:
    """Of `GET /`, lower case, with the status as `:status`; None where nothing answers over verified TLS."""
    try:
        with (
            socket.create_connection((address, port), timeout) as plain,
            trust(ca).wrap_socket(plain, server_hostname=name) as tls,
        ):
            request = (
                f"GET / HTTP/1.1\r\nHost: {name}\r\nUser-Agent: socle\r\nAccept: text/html\r\nConnection: close\r\n\r\n"
            )
            tls.sendall(request.encode())
            answer = http.client.HTTPResponse(tls)
            answer.begin()
            return {":status": str(answer.status), **{key.lower(): value for key, value in answer.getheaders()}}
    except (OSError, ssl.SSLError, http.client.HTTPException):
        return None
