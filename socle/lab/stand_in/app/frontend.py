"""One static page for every path, as the front end answers; on 8080."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PAGE = """<!DOCTYPE html>
<html lang="fr"><head><meta charset="utf-8"><title>Doublure</title></head>
<body><p>Doublure du laboratoire, pas La Suite Meet. A stand-in, not La Suite Meet.</p></body></html>
"""


class Frontend(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "stand-in"

    def do_GET(self) -> None:
        data = PAGE.encode()
        self.send_response(200)
        for name, value in (
            ("Content-Type", "text/html; charset=utf-8"),
            ("Content-Length", str(len(data))),
            ("Cache-Control", "no-store"),
            ("X-Stand-In", "true"),
        ):
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    do_HEAD = do_GET


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", 8080), Frontend).serve_forever()
