"""What must hold for every demand, and for every stack whose people grow."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from socle.errors import InputError
from socle.stack import load_stack
from socle.topology import derive
from socle.topology.sizing import Demand, Sizing, figures, size
from socle.topology.sizing.tiers import LIMITS, ORDER
from socle.topology.tiers import TIERS
from tests.conftest import STACKS

SHARE = st.floats(0, 1)
# what may grow, and what it may be
GROWING: dict[str, st.SearchStrategy[Any]] = {
    "seats": st.integers(1000, 20_000_000),
    "peak_in_call": SHARE,
    "largest_room": st.integers(5, 1000),
    "growth": SHARE,
    "years": st.integers(0, 10),
    "relayed_share": SHARE,
    "recording": st.booleans(),
    "recorded_share": SHARE,
    "transcription": st.booleans(),
    "transcribed_share": SHARE,
    "subtitles": st.booleans(),
    "subtitled_share": SHARE,
    "telephony": st.booleans(),
    "phone_share": SHARE,
    "retention_days": st.integers(1, 3650),
    "log_days": st.integers(1, 3650),
}
GIVEN: dict[str, st.SearchStrategy[Any]] = {
    **GROWING,
    "average_room": st.none() | st.floats(2, 5),
    "availability_zones": st.integers(1, 3),
    "port": st.sampled_from([100, 500, 1000, 10_000]),
    "lab": st.just(False),
    "own_objects": st.booleans(),
}
DEMANDS = st.builds(Demand, **GIVEN)
CARRYING = ("edge", "media", "turn", "application", "recording", "telephony")
QUORUM = ("database", "cache", "bus")
UNTIMED = settings(deadline=None)  # how many: the profile


def grew(small: Sizing, large: Sizing) -> bool:
    """No tier lost a node, and no node became smaller."""
    if large.cells < small.cells:
        return False
    for name in ORDER:
        a, b = small.tiers[name], large.tiers[name]
        if b.nodes < a.nodes:
            return False
        for what in ("vcpus", "memory", "volume", "gpus", "port") if a.nodes else ():
            if getattr(b, what) < getattr(a, what):
                return False
    return True


@pytest.mark.parametrize("field", GROWING)
@settings(UNTIMED, max_examples=settings.default.max_examples // 4)
@given(data=st.data())
def test_growing_one_thing_shrinks_nothing(field: str, data: st.DataObject) -> None:
    demand = data.draw(DEMANDS)
    small, large = sorted([getattr(demand, field), data.draw(GROWING[field])])
    assert grew(size(replace(demand, **{field: small})), size(replace(demand, **{field: large})))


# small enough for one domain, mostly
SMALLER = {"seats": st.integers(1000, 60_000), "peak_in_call": st.floats(0, 0.3), "growth": st.floats(0, 0.1)}
SPREAD = st.builds(Demand, **{**GIVEN, **SMALLER, "availability_zones": st.integers(2, 3)})


@UNTIMED
@given(SPREAD)
def test_the_zones_that_are_left_carry_everything(demand: Demand) -> None:
    zones = demand.availability_zones
    answer, alone = size(demand), size(replace(demand, availability_zones=1))
    assume(answer.cells == alone.cells == 1)
    for name in CARRYING:
        needed = alone.tiers[name].nodes - 1  # one zone keeps one spare node
        lost = math.ceil(answer.tiers[name].nodes / zones)
        assert answer.tiers[name].nodes - lost >= needed, name
    for name in ORDER:
        nodes = answer.tiers[name].nodes
        assert nodes == 0 or nodes - math.ceil(nodes / zones) >= 1, name


@UNTIMED
@given(DEMANDS)
def test_every_tier_is_sound(demand: Demand) -> None:
    answer = size(demand)
    assert list(answer.tiers) == list(ORDER)
    for name, one in answer.tiers.items():
        assert one.limit in LIMITS
        assert (one.nodes == 0) == (one.limit == "not-asked"), name
        assert one.vcpus >= 1
        assert one.memory > 0
    assert answer.tiers["media"].nodes >= 2 * answer.cells
    for name in QUORUM:
        assert answer.tiers[name].nodes == 3 * answer.cells
    for estimate in answer.outlook.values():
        assert 0 <= estimate.low <= estimate.expected <= estimate.high


@UNTIMED
@given(DEMANDS)
def test_the_largest_room_may_be_full_and_fits_in_one_media_node(demand: Demand) -> None:
    answer = size(demand)
    assert answer.outlook["participants"].expected >= demand.room
    media = answer.tiers["media"]
    assert media.vcpus / 16 * 150 >= demand.room
    assert media.port >= demand.room * figures.received_rate(demand.room)


@UNTIMED
@given(DEMANDS)
def test_a_lab_is_small_whatever_is_asked(demand: Demand) -> None:
    answer = size(replace(demand, lab=True))
    assert answer.cells == 1
    for name, one in answer.tiers.items():
        most = 3 if one.limit == "lab" and name in ("database", "cache", "bus", "objects") else 2
        assert one.nodes <= max(most, demand.availability_zones)
        assert (one.vcpus, one.memory, one.volume) <= (2, 1, 1)
        assert one.gpus == 0
    assert answer.tiers["media"].nodes == 2


@pytest.mark.parametrize("name", STACKS)
def test_more_people_shrink_no_stack(name: str) -> None:
    loaded = load_stack(name)
    before: dict[str, int] = {}
    for times in (1, 1.1, 1.5, 2, 5, 50):
        people = loaded.stack.people
        people = people.model_copy(update={"seats": math.ceil(people.seats * times)})
        grown = replace(loaded, stack=loaded.stack.model_copy(update={"people": people}))
        try:
            after = {tier.name: len(tier.nodes) for tier in derive(grown).tiers}
        except InputError as refused:
            assert before, "the shipped stack itself is refused"
            assert refused.code in ("SOC-1204", "SOC-1221")
            break
        assert all(after[tier] >= count for tier, count in before.items())
        before = after


@pytest.mark.parametrize("name", STACKS)
def test_what_carries_calls_is_spread_evenly_over_the_zones(name: str) -> None:
    topology = derive(load_stack(name))
    for tier in topology.tiers:
        if tier.carries_calls:
            zones = [node.zone for node in tier.nodes]
            assert len({zones.count(zone) for zone in zones}) == 1, tier.name


@pytest.mark.parametrize("tier", TIERS)
def test_every_tier_of_the_table_is_sized(tier: str) -> None:
    assert tier in ORDER
