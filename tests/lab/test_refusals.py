"""What the machine or the cloud cannot give is one clear error, its own exit code, and nothing is changed."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from socle.lab import up, wiring
from socle.stack import load_stack
from socle.topology import derive
from tests.lab.conftest import SOCLE, Deployment, write_stack

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Planned here, never applied."""
    folder = tmp_path_factory.mktemp("refused")
    write_stack(folder, "refused", "10.99.0.0/19")
    return Deployment("refused", folder)


@pytest.fixture
def two_instances_left(administrator: Any) -> Iterator[None]:
    project = administrator.identity.find_project(wiring.wiring().project, ignore_missing=False).id
    before = administrator.get_compute_quotas(project)
    used = sum(1 for _ in administrator.compute.servers(all_projects=True, project_id=project))
    administrator.set_compute_quotas(project, instances=used + 2)
    yield
    administrator.set_compute_quotas(project, instances=before.instances)


@pytest.mark.usefixtures("two_instances_left")
def test_a_quota_that_is_too_small_is_known_before_anything_is_made(stack: Deployment) -> None:
    refused = stack.socle("up", "refused", "--yes", check=False)
    assert refused.returncode == 4, refused.stderr
    needed = len(derive(load_stack(str(stack.file))).nodes)
    assert f"SOC-4202: quota of instances: {needed} needed, 2 left" in refused.stderr


def apart(spaces: str, script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command line in namespaces of its own (unshare's flags), after `script` took something away there."""
    command = ["unshare", spaces, "sh", "-ec", f'{script}; exec "$@"', "sh", str(SOCLE), *arguments]
    own = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "SOCLE_LANG": "en", **environment}
    return subprocess.run(command, env=own, capture_output=True, text=True, timeout=120, check=False)


NO_LAB = "mount -t tmpfs -o size=64m none /var/lib/socle"  # of this machine's lab nothing is seen


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("mount -t tmpfs none /sys/fs/cgroup", "SOC-6004: system containers cannot run here: no /sys/fs/cgroup"),
        ("mount -t tmpfs none /dev/net", "SOC-6004: system containers cannot run here: no /dev/net/tun"),
        ("ip route add blackhole 198.51.100.0/25", "SOC-6006: an address range of the lab is already routed"),
        ("ip link add socle0 type veth", "SOC-6006: a network device of that name is there and is not the lab's"),
        ("true", "SOC-6005: not enough room under /var/lib/socle"),
    ],
)
def test_a_machine_that_cannot_hold_the_lab_is_left_as_it_is(script: str, words: str) -> None:
    """The lab that runs is the proof that nothing was touched."""
    refused = apart("-mn", f"{NO_LAB}; {script}", "lab", "up")
    assert refused.returncode == 7, refused.stderr
    assert words in refused.stderr
    assert up.running_and_ready()


def test_a_disk_that_is_full_is_said_before_anything_is_made(stack: Deployment, tmp_path: Path) -> None:
    script = f"mkdir {tmp_path}/state; mount -t tmpfs -o size=8m none {tmp_path}/state"
    refused = apart("-m", script, "up", str(stack.file), "--yes", SOCLE_STATE=f"{tmp_path}/state")
    assert refused.returncode == 7, refused.stderr
    assert "SOC-7103: the disk that keeps the state is full" in refused.stderr
