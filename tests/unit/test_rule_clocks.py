"""The rule about clocks (LOG-01): who may be asked for the time, by which node."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies.rules.services import several_clocks
from socle.policy.outcome import Outcome
from tests.models import intended

CHRONY = "chrony.conf"


def judged(stack: str, tier: str, change: tuple[str, str] = ("", "")) -> Outcome:
    model = intended(stack)
    file = model.file(tier, CHRONY)
    assert file.text
    assert change[0] in file.text
    found = several_clocks(replace(file, text=file.text.replace(*change, 1)), model)
    assert isinstance(found, Outcome)
    return found


@pytest.mark.parametrize("stack", ["demo", "cnrs"])
@pytest.mark.parametrize("tier", ["mirror", "edge"])
def test_how_many_clocks_stand_behind_one_name_is_left_open(stack: str, tier: str) -> None:
    """Also where two mirror nodes are asked: they follow the same clock."""
    outcome = judged(stack, tier)
    assert outcome.status == "unknown"
    assert intended(stack).loaded.cloud.surroundings.time.name in str(outcome.seen)


def test_a_node_that_asks_past_the_mirror_nodes_fails() -> None:
    model = intended("cnrs")
    clock = str(model.loaded.cloud.surroundings.time.address)
    mirror = model.topology.tier("mirror").nodes[0].address
    outcome = judged("cnrs", "edge", (f"server {mirror}", f"server {clock}"))
    assert (outcome.status, clock in str(outcome.seen)) == ("failed", True)


def test_a_mirror_node_that_asks_another_of_its_tier_fails() -> None:
    model = intended("cnrs")
    clock = str(model.loaded.cloud.surroundings.time.address)
    other = model.topology.tier("mirror").nodes[-1].address
    outcome = judged("cnrs", "mirror", (f"server {clock}", f"server {other}"))
    assert (outcome.status, other in str(outcome.seen)) == ("failed", True)


def test_a_mirror_node_that_is_left_out_is_named() -> None:
    mirrors = [node.address for node in intended("cnrs").topology.tier("mirror").nodes]
    assert len(mirrors) > 1
    outcome = judged("cnrs", "edge", (f"server {mirrors[1]} ", "# "))
    assert (outcome.status, mirrors[1] in str(outcome.seen)) == ("failed", True)
