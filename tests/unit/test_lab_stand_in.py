"""The backend's stand-in breaks where the backend breaks: which variable's absence stops what. On loopback, with a
database driver of the test's own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from socle.lab.stand_ins import SOURCE

HOST = "visio.test.example"
DRIVER = """
import os
class Error(Exception):
    pass
class Nothing:
    rowcount = 1
    def __getattr__(self, name): return lambda *a, **k: self
    def __enter__(self): return self
    def __exit__(self, *_): return False
def connect(*args, **given):
    if not args and given["password"] != "right":
        raise Error("password authentication failed")
    return Nothing()
"""
GOOD = {
    "DJANGO_CONFIGURATION": "Production", "DJANGO_SETTINGS_MODULE": "meet.settings", "DJANGO_SECRET_KEY": "s",
    "DJANGO_ALLOWED_HOSTS": f"other.example, {HOST}", "DB_HOST": "db", "DB_PORT": "5432", "DB_PASSWORD": "right",
    "OIDC_OP_AUTHORIZATION_ENDPOINT": "https://identity.example/auth", "OIDC_RP_CLIENT_ID": "visio",
    "LIVEKIT_API_URL": "https://livekit.example",
}  # fmt: skip


def environment(folder: Path, changes: dict[str, str | None]) -> dict[str, str]:
    (folder / "psycopg2.py").write_text(DRIVER)
    given = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return {"PYTHONPATH": f"{folder}:{SOURCE}", "PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **given}


@contextmanager
def backend(folder: Path, **changes: str | None) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    start = f"import backend; backend.PORT = {port}; backend.main()"
    process = subprocess.Popen([sys.executable, "-c", start], env=environment(folder, changes), stderr=subprocess.PIPE)
    try:
        end = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.02)
        yield port
    finally:
        process.kill()
        process.communicate()


class Stays(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        return None


def ask(
    port: int, path: str, host: str = HOST, proto: str | None = "https", method: str = "GET"
) -> tuple[int, str, bytes]:
    head = {"Host": host, **({"X-Forwarded-Proto": proto} if proto else {})}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), Stays)
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=head, method=method)
    try:
        with opener.open(request, timeout=10) as answer:
            return answer.status, answer.headers.get("Location", ""), answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers.get("Location", ""), error.read()


def test_with_everything_it_is_healthy_and_says_what_it_is(tmp_path: Path) -> None:
    with backend(tmp_path) as port:
        assert ask(port, "/__heartbeat__")[0] == 200
        assert ask(port, "/__lbheartbeat__", proto=None)[0] == 200
        status, _, body = ask(port, "/api/v1.0/config/")
        assert status == 200
        assert json.loads(body)["stand_in"] is True
        assert json.loads(body)["livekit"]["url"] == GOOD["LIVEKIT_API_URL"]
        assert ask(port, "/api/v1.0/config/", proto=None)[:2] == (301, f"https://{HOST}/api/v1.0/config/")
        assert ask(port, "/api/v1.0/config/", host="unheard.example")[0] == 400
        assert ask(port, "/api/v1.0/config/", method="HEAD")[0] == 405
        assert ask(port, "/api/v1.0/users/me/")[0] == 401
        assert ask(port, "/api/v1.0/rooms/", method="POST")[0] == 401
        assert ask(port, "/__version__")[0] == 404


@pytest.mark.parametrize(
    ("changes", "path", "status"),
    [
        ({"DJANGO_SECRET_KEY": None}, "/__heartbeat__", 500),
        ({"DJANGO_SECRET_KEY": None}, "/__lbheartbeat__", 500),
        ({"DJANGO_ALLOWED_HOSTS": None}, "/__heartbeat__", 400),
        ({"DB_PASSWORD": "wrong"}, "/__heartbeat__", 500),
        ({"DB_PASSWORD": "wrong"}, "/__lbheartbeat__", 200),
        ({"DB_PASSWORD": "wrong"}, "/api/v1.0/config/", 200),
        ({"REDIS_URL": "redis://127.0.0.1:9/1"}, "/api/v1.0/authenticate/", 500),
        ({"REDIS_URL": "redis://127.0.0.1:9/1"}, "/__heartbeat__", 200),
    ],
)
def test_a_missing_or_wrong_variable(changes: dict[str, str | None], path: str, status: int, tmp_path: Path) -> None:
    with backend(tmp_path, **changes) as port:
        assert ask(port, path)[0] == status


def test_the_way_to_the_provider(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as store:
        url = f"redis://:pw@127.0.0.1:{store.getsockname()[1]}/1"
        with backend(tmp_path, REDIS_URL=url) as port:
            status, location, _ = ask(port, "/api/v1.0/authenticate/")
            assert status == 302
            assert location.startswith("https://identity.example/auth?")
            assert f"redirect_uri=https%3A%2F%2F{HOST}%2Fapi%2Fv1.0%2Fcallback%2F" in location
        with backend(tmp_path, REDIS_URL=url, OIDC_OP_AUTHORIZATION_ENDPOINT=None) as port:
            assert ask(port, "/api/v1.0/authenticate/")[1].startswith("None?")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("right\n")
    with backend(tmp_path, DB_PASSWORD=None, DB_PASSWORD_FILE=str(tmp_path / "password")) as port:
        assert ask(port, "/__heartbeat__")[0] == 200


def run(folder: Path, program: str, *arguments: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(SOURCE / program), *arguments]
    return subprocess.run(
        command, env=environment(folder, changes), capture_output=True, text=True, timeout=20, check=False
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"DJANGO_CONFIGURATION": None}, {"DJANGO_SETTINGS_MODULE": None}, {"DB_PORT": ""},
        {"DB_PASSWORD_FILE": "/nonexistent"},
    ],
)  # fmt: skip
def test_what_it_does_not_start_without(changes: dict[str, str | None], tmp_path: Path) -> None:
    done = run(tmp_path, "backend.py", **changes)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


def test_migrations_need_the_database_and_not_the_secret_key(tmp_path: Path) -> None:
    assert run(tmp_path, "manage.py", "migrate", "--no-input", DJANGO_SECRET_KEY=None).returncode == 0
    assert run(tmp_path, "manage.py", "migrate", DJANGO_SETTINGS_MODULE=None).returncode == 0
    assert run(tmp_path, "manage.py", "check", DB_PASSWORD="wrong").returncode == 1
    assert run(tmp_path, "manage.py", "migrate", DB_PASSWORD="wrong").returncode == 1
    assert run(tmp_path, "manage.py", "migrate", DJANGO_CONFIGURATION=None).returncode == 1


def test_a_worker_that_is_there_answers(tmp_path: Path) -> None:
    ping = ["-A", "meet.celery_app", "inspect", "ping"]
    with socket.create_server(("127.0.0.1", 0)) as store:
        url = f"redis://127.0.0.1:{store.getsockname()[1]}/1"
        command = [sys.executable, str(SOURCE / "worker.py"), "-A", "meet.celery_app", "worker"]
        worker = subprocess.Popen(
            command, env=environment(tmp_path, {"REDIS_URL": url}), stderr=subprocess.PIPE, text=True
        )
        assert worker.stderr
        assert "worker ready" in worker.stderr.readline()
        assert run(tmp_path, "worker.py", *ping).returncode == 0
        worker.terminate()
        worker.communicate(timeout=20)
        assert worker.returncode == 0
