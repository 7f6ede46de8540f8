"""What every test shares: stack files written on the spot, private folders, why lab tests are skipped."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, settings

from socle import content

ROOT = content.root()
STACKS = sorted(path.stem for path in (ROOT / "stacks").glob("*.yaml"))
CLOUDS = sorted(path.stem for path in (ROOT / "stacks" / "clouds").glob("*.yaml"))
LAB_ACCESS = Path("/var/lib/socle/lab/access/clouds.yaml")

# In CI every machine sees the same examples; the nightly ones are new each time, and what failed is tried again.
SLOW = [HealthCheck.too_slow]  # a busy machine is no fault of a law
settings.register_profile("ci", max_examples=300, deadline=None, derandomize=True, suppress_health_check=SLOW)
settings.register_profile("nightly", max_examples=10_000, deadline=None, suppress_health_check=SLOW)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

GOOD: dict[str, object] = {
    "organisation": "Ministère de l'Exemple",
    "domain": "visio.exemple.example",
    "environment": "production",
    "cloud": "secnum-paris",
    "release": "2026.11",
    "people": {"seats": 5000, "peak_in_call": 0.05, "largest_room": 150},
    "availability": "two-zones",
    "identity": {"provider": "proconnect"},
    "access": {"from": ["192.0.2.64/28"]},
    "network": {"cidr": "10.90.0.0/19"},
}


@pytest.fixture(autouse=True)
def private_folders(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and cache of a test are its own; lab tests share the machine's."""
    monkeypatch.setenv("SOCLE_LANG", "en")
    if not request.node.get_closest_marker("lab"):
        monkeypatch.setenv("SOCLE_STATE", str(tmp_path / "state"))
        monkeypatch.setenv("SOCLE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def graphs(private_folders: None, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cache is the test process's: a graph that another test captured is not captured again."""
    monkeypatch.setenv("SOCLE_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def stack_file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a good stack file with some keys changed; a value of None removes the key."""

    def write(_text: str | None = None, **changes: object) -> Path:
        file = tmp_path / "exemple.yaml"
        data = {key: value for key, value in {**GOOD, **changes}.items() if value is not None}
        file.write_text(_text if _text is not None else yaml.safe_dump(data, allow_unicode=True, sort_keys=False))
        return file

    return write


def why_no_lab() -> str | None:
    """The reason why lab tests cannot run here, or None."""
    if os.geteuid() != 0:
        return "the embedded cloud needs root"
    if not LAB_ACCESS.exists():
        return "the embedded cloud is not up: socle lab up"
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    reason = why_no_lab()
    if reason is None:
        return
    if os.environ.get("SOCLE_REQUIRE_LAB") and any(item.get_closest_marker("lab") for item in items):
        raise pytest.UsageError(f"lab tests may not be skipped here: {reason}")
    for item in items:
        if item.get_closest_marker("lab"):
            item.add_marker(pytest.mark.skip(reason=reason))
