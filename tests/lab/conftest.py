"""The embedded cloud for the tests: brought up once; a stack of the tests' own (`proof`) is deployed into it once.

The person's `demo` is never touched: other name, other addresses, other domain, other state folder.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from socle.lab import access, apis, images, passwords, seed, wiring, world
from socle.nodes import outputs, vault
from socle.nodes.outputs import Outputs
from socle.stack import load_stack
from socle.topology import derive
from tests.conftest import ROOT

CONFIGURING = ("proof-media-", "proof-turn-")  # a line of `up` about a task on such a node
SOCLE = Path(sys.executable).with_name("socle")


@dataclass(frozen=True)
class Deployment:
    """Runs `socle` against the tests' own stack."""

    name: str
    folder: Path  # holds stacks/, state/ and whatever a test writes

    @property
    def file(self) -> Path:
        return self.folder / "stacks" / f"{self.name}.yaml"

    def nodes(self, tier: str) -> list[str]:
        return [node.name for node in derive(load_stack(str(self.file))).tier(tier).nodes]

    @property
    def env(self) -> dict[str, str]:
        own = {"SOCLE_STATE": str(self.folder / "state"), "SOCLE_STACKS": str(self.folder / "stacks")}
        return {**os.environ, **own, "SOCLE_LANG": "en"}

    def socle(
        self, *arguments: str, timeout: int = 1200, check: bool = True, given: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """One run of the command line; with `check`, anything but exit code 0 fails the test and shows what it said.
        `given`: its standard input, where no list of processes shows it."""
        done = subprocess.run(
            [str(SOCLE), *arguments],
            env=self.env,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            input=given,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"socle {' '.join(arguments)}: {done.returncode}\n{done.stderr}\n{done.stdout}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command line in a process group of its own, for tests that kill it."""
        return subprocess.Popen(
            [str(SOCLE), *arguments],
            env=self.env,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


LEFT_OUT = yaml.safe_load((ROOT / "stacks" / "demo.yaml").read_text(encoding="utf-8"))["overrides"]
FEWER = ("load-balancer", "dns", "key-manager", "object-store")  # what not every cloud has


def write_stack(folder: Path, name: str, cidr: str, **changes: object) -> None:
    """The demo's stack file under another name, with its own block and domain, and some keys changed. LEFT_OUT: its own
    overrides."""
    data = yaml.safe_load((ROOT / "stacks" / "demo.yaml").read_text(encoding="utf-8"))
    data |= {"domain": f"visio.{name}.example", "network": {"cidr": cidr}, **changes}
    stacks = folder / "stacks"
    stacks.mkdir(parents=True, exist_ok=True)
    (stacks / f"{name}.yaml").write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


def write_bare_cloud(folder: Path, **changes: object) -> None:
    """The lab's cloud file for the stacks of a folder: of a cloud without load balancers, names, keys and objects."""
    data = yaml.safe_load((ROOT / "stacks" / "clouds" / "lab.yaml").read_text(encoding="utf-8"))
    data["services"] = [one for one in data["services"] if one not in FEWER]
    data["volume_types"] = {name: kind for name, kind in data["volume_types"].items() if not kind.get("encrypted")}
    data["surroundings"].pop("objects")
    data["dns"]["update"] = "rfc2136"
    data |= changes
    clouds = folder / "stacks" / "clouds"
    clouds.mkdir(parents=True, exist_ok=True)
    (clouds / "lab.yaml").write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")


def made(stack: Deployment) -> Outputs:
    """Addresses of what was made: of nodes and fronts."""
    from socle.engine import deploy, workspace

    with in_its_folders(stack):
        loaded = load_stack(str(stack.file))
        return outputs.read(deploy.outputs(workspace.open_stack(loaded, credentials=False)), derive(loaded))


@contextmanager
def in_its_folders(stack: Deployment) -> Iterator[None]:
    """In this process, the stack's files and state are those of its command lines."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("SOCLE_STATE", "SOCLE_STACKS"):
            patch.setenv(name, stack.env[name])
        yield


def hidden(stack: Deployment) -> dict[str, str]:
    """Secret -> what must be found nowhere of it: a token, or a line from the middle of a private key."""
    found = {}
    with in_its_folders(stack):
        secrets = vault.read_vault(stack.name)
    for name, value in secrets.items():
        text = value if isinstance(value, str) else value.get("key") or value.get("private") or value["current"]
        lines = [line for line in text.splitlines() if len(line) >= 32 and "-----" not in line]
        found[name] = lines[len(lines) // 2]
    assert found, stack.name
    return found


@contextmanager
def changed(stack: Deployment, **changes: object) -> Iterator[None]:
    """The stack file with some keys changed; `overrides` come on top of those that are there."""
    before = stack.file.read_text(encoding="utf-8")
    data = yaml.safe_load(before)
    data |= {**changes, "overrides": {**data.get("overrides", {}), **dict(changes.get("overrides") or {})}}
    stack.file.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False), encoding="utf-8")
    try:
        yield
    finally:
        stack.file.write_text(before, encoding="utf-8")


@pytest.fixture(scope="session")
def administrator() -> Iterator[Any]:
    """The cloud as its own operators see it: the tool never does."""
    password = passwords.load(wiring.SECRETS, apis.SERVICE_USERS)["admin"]
    with seed.connect(wiring.wiring(), password, access.CERTIFICATE) as connection:
        yield connection


@pytest.fixture(scope="session")
def every_service() -> int:
    """The lab with all its groups of services, added while it runs: its first process, which stays the same."""
    before = world.pid()
    subprocess.run([str(SOCLE), "lab", "up", "--with", "all"], check=True, timeout=600)
    assert world.pid() == before
    return before


def provider() -> dict[str, Any]:
    """The lab's provider of identities, and the people whom it knows."""
    found: dict[str, Any] = json.loads(access.IDENTITY.read_text())
    return found


def with_visio() -> dict[str, Any]:
    """The keys of a stack with Visio itself, whose people log in at the lab's provider."""
    given = provider()
    identity = {"provider": "oidc", "secret_file": str(access.CLIENT_SECRET)}
    identity |= {key: given[key] for key in ("issuer", "client", "endpoints")}
    return {"identity": identity, "overrides": {tier: LEFT_OUT[tier] for tier in ("monitoring", "logs", "backup")}}


@pytest.fixture(scope="session")
def proof(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Deployment:
    """The tests' stack, not deployed yet; with Visio itself where its images are at hand, since no stand-in holds a
    room."""
    folder = tmp_path_factory.mktemp("proof")
    own = {}
    if os.environ.get(images.VARIABLE):
        request.getfixturevalue("every_service")
        own = with_visio()
    write_stack(folder, "proof", "10.96.0.0/19", **own)
    stack = Deployment("proof", folder)
    stack.socle("lab", "up", "--for", "proof")
    return stack


@pytest.fixture(scope="session")
def deployed(proof: Deployment) -> Iterator[Deployment]:
    """The tests' stack, deployed and configured once; destroyed at the end.

    The first `up` is killed while it configures the nodes, Ansible with it; the second one finishes. So everything that
    is proven on this stack is proven on one that was interrupted.
    """
    first = proof.start("up", "proof", "--yes")
    watchdog = threading.Timer(1200, first.kill)
    watchdog.start()
    assert first.stdout
    said = []
    for line in first.stdout:
        said.append(line)
        if line.startswith(CONFIGURING):
            break
    else:
        pytest.fail("the first up never began to configure a node:\n" + "".join(said))
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(timeout=60)
    first.stdout.close()
    watchdog.cancel()
    proof.socle("up", "proof", "--yes", timeout=1800)
    yield proof
    proof.socle("down", "proof", "--name", "proof", timeout=900)
