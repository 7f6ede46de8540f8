"""State in the lab's object store, by S3 over TLS, instead of files of this machine. Cloud part only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from socle.lab import access as handed
from socle.lab import apis, wiring
from tests.lab.conftest import Deployment, write_stack
from tests.lab.s3 import S3

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = [pytest.mark.lab, pytest.mark.nightly]

BUCKET, NAME = "state-of-kept", "kept"


@dataclass(frozen=True)
class Elsewhere(Deployment):
    """Whose state is where the variables say."""

    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return {**super().env, **self.variables}


@pytest.fixture(scope="module")
def s3(every_service: int) -> S3:
    where = wiring.wiring()
    return S3.of(apis.BY_NAME["swift"].public(str(where.services)), where.region, handed.S3, str(handed.CERTIFICATE))


@pytest.fixture(scope="module")
def stack(s3: S3, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    folder = tmp_path_factory.mktemp(NAME)
    write_stack(folder, NAME, "10.92.0.0/19")
    where = wiring.wiring()
    endpoint = apis.BY_NAME["swift"].public(str(where.services))
    variables = {
        "SOCLE_BACKEND": f"s3://{BUCKET}?endpoint={endpoint}&region={where.region}&s3ForcePathStyle=true",
        "AWS_SHARED_CREDENTIALS_FILE": str(handed.S3),
        "AWS_CA_BUNDLE": str(handed.CERTIFICATE),
    }
    emptied(s3)
    assert s3.request("PUT", BUCKET).status_code == 200
    stack = Elsewhere(NAME, folder, variables)
    stack.socle("up", NAME, "--yes", "--cloud-only")
    yield stack
    stack.socle("down", NAME, "--name", NAME, timeout=900)
    emptied(s3)


def objects(s3: S3) -> dict[str, bytes]:
    listed = s3.request("GET", BUCKET)
    names = re.findall(r"<Key>([^<]+)</Key>", listed.text) if listed.status_code == 200 else []
    return {name: s3.request("GET", f"{BUCKET}/{name}").content for name in names}


def emptied(s3: S3) -> None:
    for name in objects(s3):
        s3.request("DELETE", f"{BUCKET}/{name}")
    s3.request("DELETE", BUCKET)


def test_the_state_is_there_and_on_no_disk_of_this_machine(stack: Elsewhere, s3: S3) -> None:
    kept = {name: body for name, body in objects(s3).items() if name.endswith(f"{NAME}.json")}
    (state,) = kept.values()
    resources: list[Any] = json.loads(state)["checkpoint"]["latest"]["resources"]
    assert len(resources) > 100
    assert not list(stack.folder.rglob(".pulumi/stacks")), "a second copy of the state"
    assert "cloud: no operation" in stack.socle("up", NAME, "--yes", "--cloud-only").stdout


def test_without_the_keys_it_is_one_clear_error(stack: Elsewhere) -> None:
    stranger = Elsewhere(NAME, stack.folder, {**stack.variables, "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"})
    refused = stranger.socle("plan", NAME, check=False)
    assert refused.returncode in (4, 7), refused.stderr
    assert "Traceback" not in refused.stderr
    assert refused.stderr.startswith("SOC-")
