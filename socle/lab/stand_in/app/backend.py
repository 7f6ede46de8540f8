"""Answers like the backend where a deployment looks: health, configuration, the way to the identity provider."""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlencode, urlsplit

from settings import RELEASE, Settings, require_configuration

HEARTBEATS = ("/__heartbeat__", "/__lbheartbeat__")
PORT = 8000
STATIC = "/static/"


class Backend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stand-in"
    settings: Settings

    def answer(self, status: int, body: object = None, **head: str) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        head = {"Content-Type": "application/json", "Content-Length": str(len(data)), "X-Stand-In": "true", **head}
        for name, value in head.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def call(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        settings, path = self.settings, urlsplit(self.path).path
        host = self.headers.get("Host", "")
        if not settings["DJANGO_SECRET_KEY"]:
            self.answer(200 if path.startswith(STATIC) else 500)
        elif not settings.allows(host):
            self.answer(400, {"detail": "Invalid HTTP_HOST header"})
        elif path not in HEARTBEATS and self.headers.get("X-Forwarded-Proto") != "https":
            self.answer(301, Location=f"https://{host}{self.path}")
        else:
            self.route(path)

    do_GET = do_POST = do_HEAD = do_PATCH = do_DELETE = call

    def route(self, path: str) -> None:
        if path == "/__lbheartbeat__":
            self.answer(200)
        elif path == "/__heartbeat__":
            self.heartbeat()
        elif path.startswith("/api/") and self.command == "HEAD":
            self.answer(405)
        elif path == "/api/v1.0/config/":
            livekit = {"url": self.settings["LIVEKIT_API_URL"]}
            self.answer(200, {"stand_in": True, "release": RELEASE, "livekit": livekit, "recording": None})
        elif path == "/api/v1.0/authenticate/":
            self.authenticate()
        elif path == "/api/v1.0/users/me/":
            self.answer(401, {"detail": "Authentication credentials were not provided."})
        elif path == "/api/v1.0/rooms/":
            self.answer(200, {"count": 0, "results": []}) if self.command == "GET" else self.answer(401)
        elif path == "/api/v1.0/rooms/webhooks-livekit/":
            self.answer(401)
        else:
            self.answer(404)

    def heartbeat(self) -> None:
        import psycopg2

        try:
            self.settings.database().close()
        except psycopg2.Error as error:
            print(f"database: {error}", file=sys.stderr)
            self.answer(500, {"status": "error"})
        else:
            self.answer(200, {"status": "ok"})

    def authenticate(self) -> None:
        """The session is kept beside the application: without that store nobody gets as far as the provider."""
        import socket

        store = urlsplit(self.settings["REDIS_URL"] or "redis://redis:6379/1")
        try:
            socket.create_connection((store.hostname or "redis", store.port or 6379), timeout=5).close()
        except OSError as error:
            print(f"cache: {error}", file=sys.stderr)
            self.answer(500)
            return
        asked = {
            "response_type": "code",
            "client_id": self.settings["OIDC_RP_CLIENT_ID"],
            "redirect_uri": f"https://{self.headers['Host']}/api/v1.0/callback/",
            "scope": self.settings["OIDC_RP_SCOPES"] or "openid email",
        }
        self.answer(302, Location=f"{self.settings['OIDC_OP_AUTHORIZATION_ENDPOINT']}?{urlencode(asked)}")


def main() -> None:
    settings = Settings()
    require_configuration(settings)
    if not settings["DJANGO_SETTINGS_MODULE"]:
        sys.exit("DJANGO_SETTINGS_MODULE is undefined")
    Backend.settings = settings
    print("a stand-in, not La Suite Meet: listening on 0.0.0.0:8000", file=sys.stderr)
    ThreadingHTTPServer(("0.0.0.0", PORT), Backend).serve_forever()


if __name__ == "__main__":
    main()
