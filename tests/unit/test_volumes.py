"""A volume that its own node encrypts: what is rendered, what cryptsetup makes of it, what is judged."""

from __future__ import annotations

import hashlib
import hmac
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from policies.rules.compute import volumes_are_encrypted, volumes_of_a_declared_type
from socle.graph.model import VOLUME
from socle.nodes import outputs as program
from socle.nodes import render, variables
from socle.policy.model import Model
from socle.stack import load_stack
from socle.stack.cloud import VolumeType
from socle.topology import derive
from tests.conftest import ROOT, STACKS
from tests.models import running

ROLE = ROOT / "playbooks" / "roles" / "volume"
UNIT, KEY = "/etc/systemd/system/socle-volume.service", "/etc/socle/volume.key"
SECRET = "one secret of the stack"
ENCRYPTING = "armees"  # its cloud offers no encrypted volume type, its data must be encrypted


def files_of(stack: str, node: str) -> dict[str, str]:
    loaded = load_stack(stack)
    topology = derive(loaded)
    nodes = program.placeholders(topology)
    values = variables.common(loaded, topology, nodes, "ssh-ed25519 key", "trust")
    values |= variables.of_node(topology, topology.node(node), nodes) | render.FOUND
    values["secrets"] = {**render.placeholder_secrets(topology), "volume_key": SECRET}
    return render.node_files(topology.node(node).tier, values)


def with_volumes(stack: str) -> list[Any]:
    return [node for node in derive(load_stack(stack)).nodes if node.volume]


def started(unit: str) -> list[str]:
    return [line.partition("=")[2] for line in unit.splitlines() if line.startswith("ExecStart=")]


@pytest.mark.parametrize("stack", STACKS)
def test_what_is_mounted_is_what_the_topology_says(stack: str) -> None:
    nodes = with_volumes(stack)
    assert nodes
    for node in {node.tier: node for node in nodes}.values():
        files = files_of(stack, node.name)
        commands = started(files[UNIT])
        encrypts = node.volume.encryption == "node"
        assert commands[-1].split()[-1] == node.volume.mount
        assert {"nodev", "nosuid", "noexec"} <= set(commands[-1].split()[4].split(","))
        assert commands[-1].split()[-2].startswith("/dev/mapper/") is encrypts
        assert any("cryptsetup open" in command for command in commands) is encrypts
        assert (KEY in files) is encrypts


@pytest.mark.parametrize("stack", STACKS)
def test_a_node_without_a_volume_is_told_of_none(stack: str) -> None:
    bare = {node.tier: node for node in derive(load_stack(stack)).nodes if not node.volume}
    for node in bare.values():
        assert not {UNIT, KEY} & set(files_of(stack, node.name))


def test_each_node_has_a_key_of_its_own_that_the_vault_s_secret_gives_again() -> None:
    nodes = with_volumes(ENCRYPTING)
    keys = {node.name: files_of(ENCRYPTING, node.name)[KEY] for node in nodes}
    assert len(set(keys.values())) == len(nodes) > 1
    for name, key in keys.items():
        assert key == hmac.new(SECRET.encode(), name.encode(), hashlib.sha256).hexdigest()
        assert SECRET not in key


def cryptsetup(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    return subprocess.run(["cryptsetup", *arguments], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.skipif(
    not shutil.which("cryptsetup", path=f"{os.environ['PATH']}:/usr/sbin:/sbin"), reason="cryptsetup is not installed"
)
def test_the_role_s_container_opens_with_the_rendered_key_and_no_other(tmp_path: Path) -> None:
    """Without a device mapper a container can be made and its key tried; only its device cannot be opened."""
    node = with_volumes(ENCRYPTING)[0]
    key, image = tmp_path / "key", tmp_path / "volume"
    key.write_text(files_of(ENCRYPTING, node.name)[KEY])
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    listed = yaml.safe_load((ROLE / "vars" / "main.yml").read_text())
    program_, *options = listed["volume_luks_format"]
    assert program_ == "cryptsetup"
    made = cryptsetup(*options, str(key), str(image))
    assert made.returncode == 0, made.stderr
    header = cryptsetup("luksDump", str(image)).stdout
    for said in ("Version:       \t2", "aes-xts-plain64", "argon2id", "512 bits"):
        assert said in header
    opened = next(line for line in started(files_of(ENCRYPTING, node.name)[UNIT]) if "cryptsetup open" in line)
    words = [word for word in opened.split()[2:-2] if not word.startswith("--key-file")]  # without device and name
    attempt = ["open", *words, "--test-passphrase"]
    assert cryptsetup(*attempt, f"--key-file={key}", str(image)).returncode == 0
    key.write_text(files_of(ENCRYPTING, with_volumes(ENCRYPTING)[1].name)[KEY])
    assert cryptsetup(*attempt, f"--key-file={key}", str(image)).returncode == 2  # no permission: a wrong key


def judged_with(said: dict[str, Any] | None) -> str:
    model = running(ENCRYPTING)
    node = with_volumes(ENCRYPTING)[0]
    facts: dict[str, Any] = {**(model.facts or {})[node.name], "volumes": said}
    model = replace(model, facts={**(model.facts or {}), node.name: facts})
    return str(volumes_are_encrypted(node.volume, model).status)


def test_a_node_says_whether_its_volume_is_encrypted() -> None:
    mount = with_volumes(ENCRYPTING)[0].volume.mount
    assert judged_with({mount: {"device": "/dev/mapper/socle-volume", "encrypted": True}}) == "passed"
    assert judged_with({mount: {"device": "/dev/vdb", "encrypted": False}}) == "failed"
    assert judged_with({}) == "failed"
    assert judged_with(None) == "unknown"


def planned(model: Model, kind: str | None = None) -> set[str]:
    volumes = model.plan.of(VOLUME)
    changed = [replace(one, inputs={**one.inputs, "volume_type": kind}) if kind else one for one in volumes]
    return {str(volumes_of_a_declared_type(one, model).status) for one in changed}


def test_a_plan_knows_who_encrypts() -> None:
    assert planned(running(ENCRYPTING)) == {"unknown"}
    sensitive = running("cnrs")
    cloud = sensitive.loaded.cloud
    both = cloud.model_copy(update={"volume_types": {**cloud.volume_types, "clear": VolumeType()}})
    sensitive = replace(sensitive, loaded=replace(sensitive.loaded, cloud=both))
    assert planned(sensitive) == {"unknown"}
    assert planned(sensitive, "clear") == {"failed"}
