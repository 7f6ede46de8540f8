"""The browser client: headless Chromium with LiveKit's own web client, on a page served from loopback.

The stack's authority is trusted through a certificate store in a throw-away home, and its names are mapped to
addresses on the command line: this machine's own trust and resolver are left alone.
"""

from __future__ import annotations

import functools
import hashlib
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from socle.errors import MachineError
from socle.paths import cache_dir
from socle.probe.call import CallPlan, result
from socle.probe.model import CallResult

SOURCE = Path(__file__).parent / "browser"
FLAGS = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--mute-audio",
)


def find() -> str | None:
    """The browser's program: `SOCLE_CHROMIUM`, else `chromium` of the PATH."""
    own = os.environ.get("SOCLE_CHROMIUM")
    return shutil.which(own) if own else shutil.which("chromium") or shutil.which("chromium-browser")


@dataclass(frozen=True)
class Chromium:
    """`loopback`: also offer loopback addresses to the other side (tests on one machine only)."""

    program: str
    web: Path  # folder with the page and the web client
    loopback: bool = False

    @property
    def name(self) -> str:
        return "chromium"

    def call(self, plan: CallPlan) -> CallResult:
        from playwright.sync_api import Error

        started = time.monotonic()
        try:
            raw = self._call(plan)
        except (Error, OSError, subprocess.SubprocessError) as error:
            raw = {"failure": f"browser: {str(error).splitlines()[0]}"}
        return result(plan, self.name, raw, time.monotonic() - started)

    def _call(self, plan: CallPlan) -> dict[str, Any]:
        from playwright.sync_api import sync_playwright

        doors = [door for door in (plan.signalling, plan.relay) if door]
        rules = ", ".join(f"MAP {door.name} {door.address}" for door in doors)
        flags = [*FLAGS, f"--host-resolver-rules={rules}"]
        flags += ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium's sandbox refuses root
        flags += ["--allow-loopback-in-peer-connection"] if self.loopback else []
        url = f"wss://{plan.signalling.name}:{plan.signalling.port}"
        servers = [{"urls": plan.relay_url, "username": plan.user, "credential": plan.password}] if plan.relay else []
        config = {"iceTransportPolicy": "relay" if plan.relay else "all", "iceServers": servers}
        with _home(plan.ca) as home, _served(self.web) as page_url, sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=self.program, args=flags, env=_environment(home), timeout=30_000
            )
            try:
                page = browser.new_page()
                page.goto(page_url)
                # started, then waited for: evaluating has no deadline, waiting has
                page.evaluate(
                    "([u, t, c, s, p]) => { call(u, t, c, s, p).then(report => { window.report = report }) }",
                    [url, list(plan.tokens), config, plan.seconds, plan.patience],
                )
                waited = page.wait_for_function("() => window.report", timeout=plan.deadline * 1000, polling=200)
                answer: dict[str, Any] = waited.json_value()
                return answer
            finally:
                browser.close()


def _environment(home: Path) -> dict[str, str | float | bool]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    return {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "DBUS_SESSION_BUS_ADDRESS": "disabled:"}


@contextmanager
def _home(ca: Path | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="socle-browser-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        if ca:
            trust(home, ca)
        yield home


def trust(home: Path, ca: Path) -> None:
    """A certificate store where Chromium looks for one, with one authority in it."""
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    database = f"sql:{store}"
    for command in (
        ["certutil", "-d", database, "-N", "--empty-password"],
        ["certutil", "-d", database, "-A", "-t", "C,,", "-n", "stack", "-i", str(ca)],
    ):
        subprocess.run(command, check=True, capture_output=True, timeout=30)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The page on loopback: a secure context, without a certificate of its own."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/page.html"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def web_client() -> Path:
    """A folder with the page and `livekit-client`, installed from npm once and kept by content. Raises MachineError."""
    lock = (SOURCE / "package-lock.json").read_bytes()
    page = (SOURCE / "page.html").read_bytes()
    folder = cache_dir() / "probe" / hashlib.sha256(lock + page).hexdigest()[:16]
    if (folder / "page.html").exists():
        return folder
    if not (npm := shutil.which("npm")):
        raise MachineError("SOC-8311", "npm is needed to install the browser's web client", hint="apt install npm")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as made:
        work = Path(made)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(SOURCE / name, work / name)
        flags = ["--ignore-scripts", "--no-audit", "--no-fund", "--legacy-peer-deps"]
        done = subprocess.run([npm, "ci", *flags], cwd=work, capture_output=True, text=True, timeout=300, check=False)
        built = work / "node_modules" / "livekit-client" / "dist" / "livekit-client.umd.js"
        if done.returncode != 0 or not built.exists():
            last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise MachineError("SOC-8312", "npm could not install the browser's web client: {reason}", reason=last)
        web = work / "web"
        web.mkdir()
        shutil.copy(built, web / built.name)
        shutil.copy(SOURCE / "page.html", web / "page.html")
        if not folder.exists():
            web.rename(folder)
    return folder
