"""What must hold for every stack and cloud file that is shipped."""

from __future__ import annotations

import json

import pytest
import yaml
from click.testing import CliRunner

from socle.stack import load_stack
from socle.stack.model import Stack
from tests.conftest import ROOT, STACKS

MINISTRIES = {"cnrs", "cnam", "dgfip", "armees"}


def test_the_named_stacks_are_there() -> None:
    assert {"demo", *MINISTRIES} <= set(STACKS)


@pytest.mark.parametrize("name", STACKS)
def test_names_addresses_and_sources_are_documentation_ones(name: str) -> None:
    loaded = load_stack(name)
    assert loaded.stack.domain.endswith(".example")
    sources = [str(source) for source in loaded.stack.access.sources]
    assert all(source.startswith(("192.0.2.", "198.51.100.", "203.0.113.", "198.18.")) for source in sources)


def test_ministries_share_nothing() -> None:
    loaded = [load_stack(name) for name in STACKS]
    blocks = [block for one in loaded for block in (one.stack.network.cidr, one.stack.network.ipv6) if block]
    assert not any(a.overlaps(b) for i, a in enumerate(blocks) for b in blocks[i + 1 :])
    assert len({one.stack.domain for one in loaded}) == len(loaded)


@pytest.mark.parametrize("name", STACKS)
def test_the_schema_knows_every_key(name: str) -> None:
    schema = Stack.model_json_schema(by_alias=True)
    data = yaml.safe_load((ROOT / "stacks" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(data) <= set(schema["properties"])
    assert set(schema["required"]) <= set(data)


@pytest.mark.parametrize("name", STACKS)
def test_show_prints_each_part_as_table_and_json(name: str) -> None:
    from socle.cli.show import PARTS, show

    runner = CliRunner()
    for part in PARTS:
        table = runner.invoke(show, [name, f"--{part}"], catch_exceptions=False).output
        data = json.loads(runner.invoke(show, [name, f"--{part}", "--json"], catch_exceptions=False).output)[part]
        assert len(table.splitlines()) >= len(data) + 1
        assert data
