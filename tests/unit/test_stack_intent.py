"""What a ministry may ask for beyond people: each key has an effect, each mistake a place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from socle.cli.show import intent
from socle.errors import InputError
from socle.stack import load_stack
from socle.topology import derive

Write = Callable[..., Path]
PEOPLE = {"seats": 5000, "peak_in_call": 0.05, "largest_room": 150}


def nodes(file: Path, tier: str) -> int:
    return len(derive(load_stack(str(file))).tier(tier).nodes)


@pytest.mark.parametrize(
    ("changes", "tier"),
    [({"growth": 0.2}, "media"), ({"growth": 0.2, "years": 5}, "turn"), ({"relayed": 1.0}, "turn")],
)
def test_growth_and_relayed_share_are_sized_for(stack_file: Write, changes: dict[str, Any], tier: str) -> None:
    before = nodes(stack_file(people={**PEOPLE, "seats": 20_000}), tier)
    assert nodes(stack_file(people={**PEOPLE, "seats": 20_000, **changes}), tier) > before


def test_an_override_replaces_what_the_model_says_and_keeps_its_reason(stack_file: Write) -> None:
    reason = "a room of the crisis unit may open at any moment"
    own = {"media": {"nodes": 9, "flavour": "c1.media", "reason": reason}, "bus": {"volume": 77, "reason": reason}}
    topology = derive(load_stack(str(stack_file(overrides=own))))
    media, bus = topology.tier("media"), topology.tier("bus")
    assert (len(media.nodes), media.flavour, media.because) == (9, "c1.media", reason)
    assert [node.volume.size for node in bus.nodes if node.volume] == [77] * 3
    assert topology.tier("edge").because != reason


@pytest.mark.parametrize(
    ("changes", "code", "hint"),
    [
        ({"overrides": {"medai": {"nodes": 9, "reason": "because we said so, twice"}}}, "SOC-1213", "media"),
        ({"overrides": {"media": {"flavour": "c1.medai", "reason": "because we said so"}}}, "SOC-1104", ""),
        ({"overrides": {"media": {"flavour": "c1.medai", "reason": "as we said it, twice"}}}, "SOC-1214", "c1.media"),
        ({"certificates": {"issuer": "acme"}}, "SOC-1212", ""),
        ({"assumptions": {"people.peak": "ours"}}, "SOC-1215", ""),
        ({"third_parties": [{"name": "Somebody"}]}, "SOC-1102", ""),
        ({"maintenance": {"windows": [{"days": ["lundi"], "start": "02:00", "end": "05:00"}]}}, "SOC-1103", "mon"),
        ({"maintenance": {"windows": [{"days": ["mon"], "start": "25:00", "end": "05:00"}]}}, "SOC-1104", ""),
    ],
)  # fmt: skip
def test_a_mistake_is_named_at_its_place(stack_file: Write, changes: dict[str, Any], code: str, hint: str) -> None:
    with pytest.raises(InputError) as refused:
        derive(load_stack(str(stack_file(**changes))))
    assert refused.value.code == code
    assert hint in refused.value.hint
    assert refused.value.where
    key = next(iter(changes))
    written = stack_file(**changes).read_text().splitlines()
    assert refused.value.where.line > next(n for n, line in enumerate(written) if line.startswith(key))


def test_what_is_in_force_is_shown_with_its_origin(stack_file: Write) -> None:
    why = "ours: nobody publishes it"
    loaded = load_stack(str(stack_file(assumptions={"people.peak_in_call": why})))
    rows = {row[0]: row[1:] for row in intent(loaded)[1]}
    assert rows["people.peak_in_call"] == ("0.05", "written", why)
    assert rows["backup.every_hours"] == ("24", "default", "")
    assert rows["access.from"] == ("192.0.2.64/28", "written", "")
