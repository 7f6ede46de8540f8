"""What the laws run over: every stack file on every cloud file, as far as the cloud has what the stack asks for."""

from __future__ import annotations

import re
import tempfile
from functools import cache
from pathlib import Path

import pytest

from socle.errors import InputError, StackErrors
from socle.graph import Graph
from socle.graph.capture import capture
from socle.stack import load_stack
from socle.stack.load import LoadedStack, load_cloud
from socle.topology import Topology, derive
from tests.conftest import CLOUDS, ROOT, STACKS

FOLDER = tempfile.TemporaryDirectory(prefix="socle-laws-")


@cache
def placed(stack: str, cloud: str) -> tuple[LoadedStack, Topology] | InputError:
    """The stack on a cloud, its own or another; or why the cloud is refused, at a place of the stack file."""
    text = (ROOT / "stacks" / f"{stack}.yaml").read_text(encoding="utf-8")
    folder = Path(FOLDER.name) / cloud
    folder.mkdir(exist_ok=True)
    file = folder / f"{stack}.yaml"
    if f"cloud: {cloud}\n" not in text:  # a cloud has its own way to a provider of identities
        text = re.sub(r"(?m)^cloud: \S+$", f"cloud: {cloud}", text)
        if not load_cloud(cloud).external_network.ipv6:
            text = re.sub(r', ipv6: "\S+"', "", text)
        if server := load_cloud(cloud).surroundings.identity:
            issuer = f"https://{server.name}:{server.port}/realms/agents"
            known = rf'\nidentity: {{provider: oidc, issuer: "{issuer}"}}\n'
            text = re.sub(r"\nidentity:(?! \{provider: none).*\n(?: .*\n)*", known, text)
    file.write_text(text, encoding="utf-8")
    try:
        loaded = load_stack(str(file))
        return loaded, derive(loaded)
    except StackErrors as errors:
        return errors.errors[0]
    except InputError as error:
        return error


def _cases() -> list[object]:
    pairs = [(stack, cloud) for stack in STACKS for cloud in CLOUDS if isinstance(placed(stack, cloud), tuple)]
    # one worker for each pair: what it captured is captured once
    return [pytest.param(pair, id="-on-".join(pair), marks=pytest.mark.xdist_group("-".join(pair))) for pair in pairs]


@pytest.fixture(params=_cases())
def case(request: pytest.FixtureRequest) -> tuple[LoadedStack, Topology]:
    found = placed(*request.param)
    assert isinstance(found, tuple)
    return found


@pytest.fixture
def loaded(case: tuple[LoadedStack, Topology]) -> LoadedStack:
    return case[0]


@pytest.fixture
def topology(case: tuple[LoadedStack, Topology]) -> Topology:
    return case[1]


@cache
def captured(stack: str, cloud: str) -> Graph:
    found = placed(stack, cloud)
    assert isinstance(found, tuple)
    return capture(*found)


@pytest.fixture
def graph(loaded: LoadedStack) -> Graph:
    """Captured once per case: every law looks at the same graph and changes nothing."""
    return captured(loaded.name, loaded.stack.cloud)
