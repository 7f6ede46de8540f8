"""The variables of the backend, read as it reads them."""

import os
import socket
import sys
from pathlib import Path

IN_FILES = ("DJANGO_SECRET_KEY", "DB_PASSWORD", "OIDC_RP_CLIENT_SECRET", "LIVEKIT_API_SECRET")
NUMBERS = ("DB_PORT",)
RELEASE = os.environ.get("STAND_IN_RELEASE", "unknown")


class Settings:
    """Ends the process for what the backend does not start with."""

    def __init__(self) -> None:
        self.values = dict(os.environ)
        for name in IN_FILES:
            if file := os.environ.get(f"{name}_FILE"):
                try:
                    self.values[name] = Path(file).read_text().rstrip("\n")
                except OSError as error:
                    sys.exit(f"{name}_FILE: {error}")
        for name in NUMBERS:
            if name in self.values and not self.values[name].isdecimal():
                sys.exit(f"Cannot interpret value {self.values[name]!r} for {name}")
        try:
            self.own_address = socket.gethostbyname(socket.gethostname())
        except OSError as error:
            sys.exit(f"socket.gaierror: {error}")

    def __getitem__(self, name: str) -> str | None:
        return self.values.get(name) or None

    @property
    def hosts(self) -> set[str]:
        named = (self.values.get("DJANGO_ALLOWED_HOSTS") or "").split(",")
        return {name.strip().lower() for name in named if name.strip()} | {self.own_address}

    def allows(self, header: str) -> bool:
        host = header.rsplit(":", 1)[0].lower()
        return any(host == name or (name.startswith(".") and host.endswith(name)) for name in self.hosts)

    def database(self) -> object:
        """A connection. Raises psycopg2.Error."""
        import psycopg2

        if url := self["DATABASE_URL"]:
            return psycopg2.connect(url, connect_timeout=5)
        return psycopg2.connect(
            host=self["DB_HOST"] or "localhost",
            port=self["DB_PORT"] or "5432",
            dbname=self["DB_NAME"] or "meet",
            user=self["DB_USER"] or "dinum",
            password=self["DB_PASSWORD"] or "pass",
            connect_timeout=5,
        )


def require_configuration(settings: Settings) -> None:
    if not settings["DJANGO_CONFIGURATION"]:
        sys.exit("DJANGO_CONFIGURATION is undefined")
