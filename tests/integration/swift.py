"""A real object store for the nodes of a test: OpenStack's Swift on one disk, spoken to by S3 over TLS.

Installed once for this machine, in the versions that the lab has; each test's own store and keys. Swift has users of
its own here, so that no Keystone is needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from socle.lab.configuration import ini
from tests.conftest import ROOT
from tests.integration.nodes import sh, until

HOME = Path(os.environ.get("SOCLE_TEST_SWIFT", "/var/cache/socle-tests/swift"))
LOCK = ROOT / "socle" / "lab" / "constraints.txt"
RINGS = ROOT / "socle" / "lab" / "drivers" / "socle_lab" / "swift_rings.py"
STORES = {"account": 6202, "container": 6201, "object": 6200}
PIPELINE = (
    "catch_errors gatekeeper healthcheck listing_formats bulk s3api tempauth copy slo dlo versioned_writes symlink"
)
KEY, SECRET, REGION = "socle:tester", "a-secret-of-this-test", "RegionOne"


def installed() -> Path:
    """The folder of Swift's programs."""
    if not (HOME / "bin" / "swift-proxy-server").exists():
        fresh = HOME.with_name(f"{HOME.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(HOME, ignore_errors=True)
        HOME.parent.mkdir(parents=True, exist_ok=True)
        venv.create(HOME, with_pip=True)
        sh(str(HOME / "bin" / "python"), "-m", "pip", "install", "--quiet", "-c", str(LOCK), "swift")
    return HOME / "bin"


def configured(folder: Path, address: str, port: int, certificate: Path, key: Path) -> None:
    common = {"swift_dir": folder, "user": "root", "log_level": "WARNING", "workers": 0}
    hashes = {"swift-hash": {"swift_hash_path_suffix": "a", "swift_hash_path_prefix": "b"},
              "storage-policy:0": {"name": "default", "default": True}}  # fmt: skip
    (folder / "swift.conf").write_text(ini(hashes))
    for name, own in STORES.items():
        (folder / f"{name}.conf").write_text(ini({
            "DEFAULT": {**common, "bind_ip": "127.0.0.1", "bind_port": own, "devices": folder, "mount_check": False},
            "pipeline:main": {"pipeline": f"{name}-server"},
            f"app:{name}-server": {"use": f"egg:swift#{name}"},
        }))  # fmt: skip
    (folder / "proxy.conf").write_text(ini({
        "DEFAULT": {**common, "bind_ip": address, "bind_port": port, "cert_file": certificate, "key_file": key},
        "pipeline:main": {"pipeline": f"{PIPELINE} proxy-server"},
        "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": True, "allow_account_management": True},
        **{f"filter:{name}": {"use": f"egg:swift#{name}", **OPTIONS.get(name, {})} for name in PIPELINE.split()},
    }))  # fmt: skip


OPTIONS: dict[str, dict[str, object]] = {
    "s3api": {"location": REGION, "dns_compliant_bucket_names": True},
    "tempauth": {"user_socle_tester": f"{SECRET} .admin"},
    "versioned_writes": {"allow_object_versioning": True},
}


@contextmanager
def store(folder: Path, outside: Sequence[str], address: str, port: int, pair: tuple[Path, Path]) -> Iterator[None]:
    """Runs while the context is open. `outside`: what leads a command into the nodes' network; `pair`: certificate
    and key."""
    folder.mkdir()
    (folder / "disk").mkdir()
    programs = installed()
    configured(folder, address, port, *pair)
    rings = (f"{name}:{own}" for name, own in STORES.items())
    sh(str(programs / "python"), str(RINGS), str(folder), *rings)
    running = []
    try:
        with (folder / "log").open("ab") as log:
            for name in (*STORES, "proxy"):
                command = [*outside, "env", f"SWIFT_DIR={folder}", str(programs / f"swift-{name}-server"),
                           str(folder / f"{name}.conf"), "-v"]  # fmt: skip
                running.append(subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True))
        health = [*outside, sys.executable, "-c",
                  f"import ssl, urllib.request as u; u.urlopen('https://{address}:{port}/healthcheck',"
                  " context=ssl._create_unverified_context(), timeout=2)"]  # fmt: skip
        until(lambda: sh(*health).returncode == 0, "the object store", 60)
        yield
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(20)
