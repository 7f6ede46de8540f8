"""What an auditor asks of nodes that carry calls: no journal complains, no secret is for everyone, no TLS is weak."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from socle.lab import access
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.conftest import Deployment, hidden, made

pytestmark = pytest.mark.lab

# Unit -> what it may say, and why that is no complaint.
KNOWN = {
    r"visio-(backend|worker)\.service": {r" INFO\b|: INFO/": "all that it says goes to its standard error"},
    r"livekit\.service": {
        r'^\{"level":"(debug|info)"': "all that it says goes to its standard error",
        r'"msg":"error reading data channel"': "who leaves closes no channel first",
    },
    r"ssh\.service": {"^error: kex_exchange_identification": "who looks whether the port is open says nothing"},
}
READABLE = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr/local", "/var", "/proc/[0-9]*/cmdline",
            "/proc/[0-9]*/environ")  # fmt: skip
PLANTED = "planted"
ABOVE_LOW = ("MEDIUM", "HIGH", "CRITICAL")
OF_THE_LAB = {"cert_revocation": "the lab's authority publishes no revocations: nobody but the lab trusts it"}


def on(stack: Deployment, node: str, command: str, given: str = "") -> str:
    """What a command says there."""
    return stack.socle("ssh", stack.name, node, "sudo", "sh", "-c", shlex.quote(command), given=given).stdout


def complaints(lines: Iterable[str]) -> dict[str, set[str]]:
    """Unit -> what it said, of warnings and worse, that is not known."""
    found: dict[str, set[str]] = {}
    begun: dict[str, str] = {}  # what a container says in one line comes in parts, where it is long
    for line in lines:
        entry = json.loads(line)
        unit = str(entry.get("_SYSTEMD_UNIT") or entry.get("SYSLOG_IDENTIFIER") or "kernel")
        said = begun.pop(unit, "") + str(entry.get("MESSAGE"))
        if entry.get("CONTAINER_PARTIAL_MESSAGE"):
            begun[unit] = said
            continue
        if not any(
            re.search(known, said) for name, all_of in KNOWN.items() if re.fullmatch(name, unit) for known in all_of
        ):
            found.setdefault(unit, set()).add(said[:160])
    return found


@pytest.mark.nightly
def test_no_journal_complains_while_people_meet(deployed: Deployment) -> None:
    """A complaint that is put there is found, on every node."""
    noisy: dict[str, Any] = {}
    since = int(time.time())
    deployed.socle("verify", deployed.name)
    look = f"logger --priority user.warning {PLANTED}; journalctl --sync"
    look += f"; journalctl --priority warning --since @{since} --output json --all --no-pager"
    for node in derive(load_stack(str(deployed.file))).nodes:
        found = complaints(on(deployed, node.name, look).splitlines())
        assert [said for said in found.values() if PLANTED in said], node.name
        if real := {unit: said - {PLANTED} for unit, said in found.items() if said != {PLANTED}}:
            noisy[node.name] = real
    assert not noisy, json.dumps(noisy, indent=1, default=sorted, ensure_ascii=False)


def test_no_secret_is_for_everyone_to_read(deployed: Deployment) -> None:
    """Looked for as the user nobody; a file with one, that is put there for everyone, is found."""
    needles = "".join(f"{part}\n" for part in hidden(deployed).values())
    nobody = "setpriv --reuid nobody --regid nogroup --clear-groups"
    look = f"{nobody} grep -rlsIF -f - {' '.join(READABLE)} || test $? -lt 3"
    for node in derive(load_stack(str(deployed.file))).nodes:
        assert on(deployed, node.name, look, needles) == "", node.name
    planted, node = f"/var/tmp/{PLANTED}", deployed.nodes("media")[0]
    on(deployed, node, f"cat >{planted}; chmod 644 {planted}", needles.splitlines()[0])
    try:
        assert on(deployed, node, look, needles).split() == [planted]
    finally:
        on(deployed, node, f"rm {planted}")


@pytest.mark.nightly
def test_tls_has_no_finding_above_low(deployed: Deployment, tmp_path: Path) -> None:
    """testssl.sh, at the front and at every relay."""
    assert shutil.which("testssl"), "make auditors"
    topology, outputs = derive(load_stack(str(deployed.file))), made(deployed)
    (front,) = topology.fronts
    doors = [(topology.record("visio").fqdn, outputs.fronts[front.name], topology.flows.get("https").port)]
    for node in topology.tier("turn").nodes:
        name = topology.record("turn").fqdn
        doors.append((name, str(outputs[node.name].floating_address), topology.flows.get("turn-tls").port))
    worse = {}
    for name, address, port in doors:
        report = tmp_path / f"{address}.json"
        asked = ["testssl", "--quiet", "--color", "0", "--warnings", "off", "--add-ca", str(access.CERTIFICATE)]
        asked += ["--jsonfile", str(report), "--ip", str(address), f"{name}:{port}"]
        subprocess.run(asked, capture_output=True, timeout=900, check=False)
        found = json.loads(report.read_text(encoding="utf-8"))
        assert any(one["id"] == "TLS1_3" and one["severity"] == "OK" for one in found), "it was not judged"
        for one in found:
            if one["severity"] in ABOVE_LOW and one["id"] not in OF_THE_LAB:
                worse[f"{name} {address}:{port} {one['id']}"] = one["finding"]
    assert not worse, json.dumps(worse, indent=1)
