"""The whole verification against a service of the tests' own: real LiveKit, real coturn, real calls; no cloud, no root.

What it shows beyond passing: a stopped relay costs exactly the relayed calls and exactly its own flows, and is named.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.integration.site import KEY, SECRET, TURN_SECRET


def livekit() -> str | None:
    """The server that the engine's build leaves in the person's cache; building it is not this test's business."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "socle" / "engine"
    built = sorted(base.glob("livekit-*/livekit-server"))
    return str(built[-1]) if built else shutil.which("livekit-server")


def why_not() -> str:
    for program in ("turnserver", "unshare", "nsenter", "ip", "ss"):
        if not shutil.which(program):
            return f"not installed: {program}"
    if not livekit():
        return "livekit-server is not built: python -m socle.engine.build livekit-server"
    tried = subprocess.run(["unshare", "--map-root-user", "--net", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "namespaces cannot be made by this user here"


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")


def report(scenario: str) -> dict[str, Any]:
    command = ["unshare", "--map-root-user", "--net", sys.executable, "-m", "tests.integration.site", scenario]
    own = {key: value for key, value in os.environ.items() if key != "SOCLE_CACHE"}  # the web client is in the person's
    done = subprocess.run(
        [*command, livekit() or ""], cwd=ROOT, env=own, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def outcomes(found: dict[str, Any], kind: str) -> dict[tuple[str, str], str]:
    return {(c["node"], c["subject"]): c["outcome"] for c in found["checks"] if c["kind"] == kind}


def failed_calls(found: dict[str, Any]) -> list[str]:
    return [call["path"] for call in found["calls"] if call["failure"]]


@pytest.fixture(scope="module", autouse=True)
def web_client() -> None:
    """Installed before the tests enter a namespace that has no way out."""
    from socle.errors import MachineError
    from socle.probe import chromium

    if chromium.find():
        try:
            chromium.web_client()
        except MachineError as error:
            pytest.skip(error.message)


def test_a_sound_service_passes_with_three_proven_paths() -> None:
    found = report("all")
    assert found["outcome"] == "pass", json.dumps(found["causes"])
    ways = {call["path"]: {(pair["local"], pair["protocol"]) for pair in call["pairs"]} for call in found["calls"]}
    assert ways["turn-udp"] == {("relay", "udp")}
    assert ways["turn-tls"] == {("relay", "tls")}
    assert {protocol for _local, protocol in ways["direct"]} == {"udp"}
    assert all(local != "relay" for local, _protocol in ways["direct"])
    for call in found["calls"]:
        assert all(got["audio"] > 60 and got["video"] > 12 for got in call["received"]), call


def test_the_native_client_proves_the_same() -> None:
    found = report("native")
    assert found["client"] == "native"
    assert not failed_calls(found), json.dumps(found["calls"])
    assert {pair["protocol"] for pair in found["calls"][2]["pairs"]} == {"tls"}
    text = json.dumps(found)  # "eyJ" begins every token
    assert not [secret for secret in (KEY, SECRET, TURN_SECRET, "eyJ") if secret in text]


def test_a_stopped_relay_costs_its_flows_and_the_relayed_calls_and_is_named() -> None:
    found = report("no-relay")
    assert failed_calls(found) == ["turn-udp", "turn-tls"]
    down = [place for place, outcome in outcomes(found, "flow").items() if outcome == "fail"]
    assert sorted(down) == [("turn", "turn-tls"), ("turn", "turn-udp")]
    assert outcomes(found, "ports")["turn", "tcp"] == "unknown"  # nothing answers there: closed is not shown
    assert [(c["node"], c["flows"], c["calls"]) for c in found["causes"]] == [
        ("turn", ["turn-udp", "turn-tls"], ["turn-udp", "turn-tls"])
    ]


def test_a_stray_server_and_an_open_relay_are_found() -> None:
    found = report("open-port")
    assert outcomes(found, "ports") == {("edge", "tcp"): "pass", ("media", "tcp"): "fail", ("turn", "tcp"): "pass"}
    assert outcomes(found, "sockets")["media", "listening"] == "fail"
    seen = {c["kind"]: c["seen"] for c in found["checks"] if c["node"] == "media" and c["outcome"] == "fail"}
    assert "41234" in seen["ports"]
    assert "41234" in seen["sockets"]
    assert not failed_calls(found)
    # its relay is left open, too: the metadata service is what nobody may be sent to
    assert outcomes(found, "relay") == {("turn", "peers"): "fail"}
    assert "169.254.169.254" in next(c["seen"] for c in found["checks"] if c["kind"] == "relay")
