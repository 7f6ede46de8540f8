"""The plugin that we build and the Python package that programs use describe the same resources."""

from __future__ import annotations

import ast
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from socle import content
from socle.engine import build

TABLE = json.loads((content.folder("infra") / "engine/provider/tokens.json").read_text())


def sdk() -> Path:
    spec = find_spec("pulumi_openstack")
    assert spec and spec.origin
    return Path(spec.origin).parent


@pytest.fixture(scope="module")
def sdk_tokens() -> tuple[set[str], set[str]]:
    """Types of resources and tokens of functions; read, not imported (that takes seconds). Without deprecated names."""
    resources, functions = set(), set()
    for file in sdk().rglob("*.py"):
        text = file.read_text()
        if "openstack:" not in text or "\nwarnings.warn(" in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and (found := _token(node)):
                (functions if ":get" in found else resources).add(found)
    return resources, functions


def _token(call: ast.Call) -> str | None:
    """The token in `super().__init__('openstack:...', ...)` or `runtime.invoke('openstack:...', ...)`."""
    first = call.args[0] if call.args else None
    if isinstance(first, ast.Constant) and re.fullmatch(r"openstack:[\w/]+:\w+", str(first.value)):
        return str(first.value)
    return None


def test_resources_of_plugin_and_package_are_the_same(sdk_tokens: tuple[set[str], set[str]]) -> None:
    assert {f"openstack:{token}" for token in TABLE["resources"].values()} == sdk_tokens[0]


def test_functions_of_plugin_and_package_are_the_same(sdk_tokens: tuple[set[str], set[str]]) -> None:
    assert {f"openstack:{token}" for token in TABLE["functions"].values()} == sdk_tokens[1]


def test_no_two_resources_share_a_type() -> None:
    assert len(set(TABLE["resources"].values())) == len(TABLE["resources"])


def test_the_plugin_says_the_version_that_the_package_has() -> None:
    from importlib.metadata import version

    assert build.version("pulumi-resource-openstack") == version("pulumi-openstack")
