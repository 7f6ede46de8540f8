"""S3 as a client speaks it: requests signed with AWS's Signature Version 4 (its public description), nothing more."""

from __future__ import annotations

import configparser
import hashlib
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests

ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class S3:
    """`endpoint`: https://HOST:PORT; `authority`: file with the certificate to trust."""

    endpoint: str
    region: str
    key: str
    secret: str
    authority: str

    @classmethod
    def of(cls, endpoint: str, region: str, credentials: Path, authority: str) -> S3:
        """With the pair of keys from a file in the notation of AWS's own tools."""
        file = configparser.ConfigParser()
        file.read_string(credentials.read_text())
        pair = file["default"]
        return cls(endpoint, region, pair["aws_access_key_id"], pair["aws_secret_access_key"], authority)

    def request(
        self, method: str, path: str, query: dict[str, str] | None = None, body: bytes = b""
    ) -> requests.Response:
        """`path` without its first slash; `query` values may be empty."""
        asked = "&".join(f"{quote(k, safe='')}={quote(v, safe='')}" for k, v in sorted((query or {}).items()))
        target = quote(f"/{path}")
        headers = self._signed(method, target, asked, hashlib.sha256(body).hexdigest())
        with requests.Session() as session:
            session.trust_env = False
            url = f"{self.endpoint}{target}" + (f"?{asked}" if asked else "")
            return session.request(method, url, data=body, headers=headers, verify=self.authority, timeout=20)

    def _signed(self, method: str, target: str, query: str, digest: str) -> dict[str, str]:
        now = datetime.now(UTC)
        day, moment = now.strftime("%Y%m%d"), now.strftime("%Y%m%dT%H%M%SZ")
        headers = {"host": urlsplit(self.endpoint).netloc, "x-amz-content-sha256": digest, "x-amz-date": moment}
        names = ";".join(headers)
        lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
        canonical = "\n".join((method, target, query, lines, names, digest))
        scope = f"{day}/{self.region}/s3/aws4_request"
        text = "\n".join((ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        signing = f"AWS4{self.secret}".encode()
        for part in (day, self.region, "s3", "aws4_request"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        signature = hmac.digest(signing, text.encode(), "sha256").hex()
        headers["Authorization"] = (
            f"{ALGORITHM} Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}"
        )
        return headers
