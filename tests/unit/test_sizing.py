"""The sizing model against what was published, its refusals, and what `socle size` prints."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from socle.cli.size import FIELDS
from socle.cli.size import size as command
from socle.errors import InputError
from socle.stack import load_stack
from socle.table import table
from socle.topology import derive
from socle.topology.sizing import Demand, figures, size
from socle.topology.sizing.demand import BOUNDS
from socle.topology.sizing.model import OUTLOOK
from socle.topology.sizing.page import page
from socle.topology.sizing.tiers import LIMITS
from tests.conftest import ROOT

# LiveKit's benchmark, meeting row: 150 participants with camera on 16 cores, and what went in and out
PEOPLE, CORES, BYTES_IN, BYTES_OUT, PACKETS_IN, PACKETS_OUT = 150, 16, 50e6, 93e6, 51_068, 762_749
HEADERS = 28  # IPv4 and UDP
RELAYED_PACKETS = 126_509  # coturn's own measure on 4 vCPU

BIG = Demand(100_000, peak_in_call=0.05)


@pytest.mark.parametrize("port", [1000, 25_000])
@pytest.mark.parametrize("average_room", [2, 5, 30, 75, 150])
def test_a_media_node_promises_no_more_than_was_measured(port: int, average_room: int) -> None:
    answer = size(Demand(100_000, average_room=average_room, port=port))
    carrying = answer.tiers["media"].nodes - answer.cells  # one of each cell is spare
    assert answer.demand.participants / carrying <= PEOPLE
    node = {name: one.expected for name, one in answer.outlook.items() if name.startswith("node_")}
    assert node["node_packets_in"] <= PACKETS_IN
    assert node["node_packets_out"] <= PACKETS_OUT
    assert node["node_rate_in"] <= (BYTES_IN + PACKETS_IN * HEADERS) * 8e-6
    assert node["node_rate_out"] <= (BYTES_OUT + PACKETS_OUT * HEADERS) * 8e-6
    assert node["node_rate_out"] <= port


def test_the_port_is_the_first_limit_of_a_gigabit_and_the_processor_of_more() -> None:
    assert size(BIG).tiers["media"].limit == "port"
    assert size(Demand(100_000, port=10_000)).tiers["media"].limit == "processor"
    assert size(Demand(100_000, port=10_000, average_room=60)).tiers["media"].limit == "tracks"


def test_the_full_room_is_what_was_measured() -> None:
    assert PEOPLE * figures.received_packets(PEOPLE) == pytest.approx(PACKETS_OUT)
    assert PEOPLE * figures.received_rate(PEOPLE) == pytest.approx((BYTES_OUT + PACKETS_OUT * HEADERS) * 8e-6)
    # what is left of the row without its microphones has packets like those of the livestream row, 531 MB/s in 560,962
    packet = figures.VIDEO_RATE.value / 8e-6 / figures.VIDEO_PACKETS.value
    assert packet == pytest.approx(531e6 / 560_962, rel=0.01)


@pytest.mark.parametrize(("room", "vcpus"), [(2, 4), (37, 4), (38, 8), (75, 8), (76, CORES), (150, CORES), (151, 32)])
def test_the_largest_room_fixes_the_media_node(room: int, vcpus: int) -> None:
    assert size(Demand(1000, peak_in_call=0, largest_room=room, average_room=2)).tiers["media"].vcpus == vcpus


@pytest.mark.parametrize("room", [2, 100, 151, 1000])
def test_where_the_room_alone_decides_it_is_the_limit(room: int) -> None:
    media = size(Demand(1000, peak_in_call=0, largest_room=room)).tiers["media"]
    assert (media.limit, media.bound) == ("room", room)


def test_a_room_larger_than_measured_asks_for_a_larger_port_too() -> None:
    media = size(Demand(100_000, largest_room=300)).tiers["media"]
    assert media.limit == "room"
    assert media.port > 2 * 1000
    # twice the people of the row see twice the packets each
    assert media.vcpus >= 2 * 2 * CORES * 0.9


def test_a_relay_passes_on_no_more_packets_than_were_measured() -> None:
    for average_room in (2, 5, 40, 150):
        answer = size(Demand(100_000, relayed_share=0.5, average_room=average_room))
        relayed = answer.outlook["relayed"].expected
        packets = figures.received_packets(min(150, 2 * average_room)) + PACKETS_IN / PEOPLE
        carrying = answer.tiers["turn"].nodes - answer.cells
        assert relayed * packets / carrying <= RELAYED_PACKETS
        assert relayed * (BYTES_IN + BYTES_OUT) * 8e-6 / PEOPLE / carrying <= 1000


def admitted(cpus: float, cost: float) -> int:
    """Recordings that an egress of so many CPU takes, as its monitor decides: the first if it fits, the next while 0.8
    of the CPU less what is reserved leaves their cost."""
    taken = 0
    while (cpus if taken == 0 else 0.8 * cpus - taken * cost) >= cost:
        taken += 1
    return taken


def test_a_recorder_takes_what_egress_admits() -> None:
    answer = size(Demand(100_000, recording=True))
    recording = answer.tiers["recording"]
    carrying = recording.nodes - answer.cells
    assert answer.outlook["recordings"].expected / carrying <= admitted(recording.vcpus, 4)
    assert recording.memory >= 4 * admitted(recording.vcpus, 4)
    sound = size(Demand(100_000, transcription=True))
    assert sound.outlook["transcription_streams"].expected / (sound.tiers["recording"].nodes - 1) <= admitted(
        recording.vcpus, 1
    )


def test_a_gpu_subtitles_no_more_streams_than_were_published() -> None:
    answer = size(Demand(100_000, subtitles=True))
    assert answer.outlook["subtitle_streams"].expected / answer.tiers["subtitles"].nodes <= 64
    assert size(Demand(100_000, subtitles=True, average_room=2)).tiers["subtitles"].limit == "agents"


def test_every_gpu_has_a_process_that_feeds_it_and_one_that_summarises() -> None:
    tiers = size(Demand(150_000, transcription=True, transcribed_share=1)).tiers
    assert tiers["transcription"].nodes > 10
    assert tiers["workers"].nodes * 4 > 2 * tiers["transcription"].nodes


def test_beyond_one_domain_there_are_several() -> None:
    one, state = size(Demand(154_000, peak_in_call=0.04)), size(Demand(5_700_000, peak_in_call=0.04))
    assert one.cells == 1
    assert state.cells == pytest.approx(state.tiers["media"].nodes / 128, abs=1)
    assert state.tiers["bus"].nodes == 3 * state.cells


def test_it_answers_at_once() -> None:
    def once() -> float:
        started = time.perf_counter()
        size(Demand(100))
        size(Demand(5_700_000, availability_zones=3, recording=True, transcription=True, subtitles=True))
        return time.perf_counter() - started

    assert statistics.median(once() for _ in range(5)) < 0.05


@pytest.mark.parametrize(
    ("wrong", "allowed"),
    [
        ({"seats": 1}, "2 to 100000000"),
        ({"peak_in_call": 1.01}, "0 to 1"),
        ({"peak_in_call": float("nan")}, "0 to 1"),
        ({"growth": float("inf")}, "0 to 1"),
        ({"largest_room": 301}, "2 to 300"),
        ({"largest_room": 20, "average_room": 21}, "2 to 20"),
        ({"availability_zones": 4}, "1 to 3"),
        ({"years": -1}, "0 to 10"),
    ],
)
def test_a_number_it_does_not_know_is_refused_by_name(wrong: dict[str, float], allowed: str) -> None:
    with pytest.raises(InputError) as refused:
        Demand(**{"seats": 300, **wrong})
    first, second, *_ = refused.value.lines()
    assert first.startswith(f"SOC-1220: {list(wrong)[-1]} ")
    assert allowed in second


def test_every_bound_and_option_is_a_field() -> None:
    fields = set(Demand.__dataclass_fields__)
    assert set(FIELDS) == fields
    assert set(BOUNDS) < fields


def test_every_figure_has_a_source_and_an_error() -> None:
    assert len({one.title for one in figures.FIGURES}) == len(figures.FIGURES) > 50
    for one in figures.FIGURES:
        assert one.source
        assert one.off_by >= 1
        assert one.source.startswith(figures.OURS) == (one.basis == "assumed"), one.title


def test_errors_add_as_independent_ones_do() -> None:
    none, half = figures.Figure("", 1, "", "assumed", ""), figures.Figure("", 1, "", "assumed", "", 1.5)
    assert figures.estimate(6, none) == figures.Estimate(6, 6, 6)
    assert figures.estimate(6, half, none) == figures.Estimate(4, 6, 9)
    two = figures.estimate(6, half, half)
    assert 9 < two.high < 6 * 1.5 * 1.5
    assert two.low * two.high == pytest.approx(36)


def test_the_page_is_what_the_model_writes() -> None:
    assert (ROOT / "docs/sizing.md").read_text(encoding="utf-8") == page()


# --- stacks ----------------------------------------------------------------------------------------------------------


def test_the_demo_keeps_its_shape() -> None:
    found = {tier.name: (len(tier.nodes), tier.flavour) for tier in derive(load_stack("demo")).tiers}
    assert found == {
        "bastion": (1, "lab.small"),
        "mirror": (1, "lab.small"),
        "edge": (1, "lab.small"),
        "media": (2, "lab.medium"),
        "turn": (1, "lab.small"),
        "bus": (1, "lab.small"),
    }


@pytest.mark.parametrize(("seats", "code"), [(230_000, "SOC-1221"), (6_000_000, "SOC-1221")])
def test_a_stack_is_one_domain_in_its_networks(stack_file: Callable[..., Path], seats: int, code: str) -> None:
    people = {"seats": seats, "peak_in_call": 0.05, "largest_room": 150}
    with pytest.raises(InputError) as refused:
        derive(load_stack(str(stack_file(people=people))))
    assert refused.value.code == code
    assert "several stacks" in refused.value.hint
    assert refused.value.where


def test_the_port_of_a_flavour_counts(stack_file: Callable[..., Path]) -> None:
    from dataclasses import replace

    loaded = load_stack(str(stack_file()))
    slow = {n: one.model_copy(update={"port": 100}) for n, one in loaded.cloud.flavours.items()}
    with pytest.raises(InputError) as refused:
        derive(replace(loaded, cloud=loaded.cloud.model_copy(update={"flavours": slow})))
    assert refused.value.code == "SOC-1210"
    assert "Mbit/s" not in refused.value.message
    assert "915" in refused.value.hint


# --- the command -----------------------------------------------------------------------------------------------------


def run(*options: str) -> str:
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_it_needs_no_stack_file() -> None:
    told = run("--seats", "154000", "--peak", "0.04", "--largest-room", "150", "--zones", "2", "--recording")
    answer = size(Demand(154_000, 0.04, 150, availability_zones=2, recording=True))
    for name, one in answer.tiers.items():
        assert f"\n{name} " in told
        assert one.because in told
    for name, one in answer.outlook.items():
        assert (f"\n{OUTLOOK[name]}  " in told) == bool(one.expected), name


def test_a_stack_can_be_the_start_and_options_change_it() -> None:
    plain = json.loads(run("--stack", "cnrs", "--json"))
    nodes = {tier.name: len(tier.nodes) for tier in derive(load_stack("cnrs")).tiers}
    assert plain["tiers"]["media"]["nodes"] == nodes["media"]
    more = json.loads(run("--stack", "cnrs", "--growth", "0.2", "--no-recording", "--json"))
    assert more["tiers"]["media"]["nodes"] > plain["tiers"]["media"]["nodes"]
    assert plain["demand"]["recording"] is True
    assert more["demand"]["recording"] is False
    assert more["demand"]["seats"] == plain["demand"]["seats"] == 154_000


def test_the_answer_as_json_is_whole() -> None:
    data = json.loads(run("--seats", "100", "--json"))
    assert set(data["figures"]) == set(OUTLOOK)
    assert data["demand"]["largest_room"] == 100
    for one in data["tiers"].values():
        assert one["limit"] in LIMITS
        assert one["because"]


def test_it_fits_eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    from socle.cli.size import _lines

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("socle.table.sys.stdout.isatty", lambda: True, raising=False)
    assert table(["a"], [["word " * 40]]).count("\n") > 1, "it is no terminal"
    everything = Demand(
        5_700_000, availability_zones=2, recording=True, transcription=True, subtitles=True, telephony=True
    )
    for language in ("en", "fr"):
        monkeypatch.setenv("SOCLE_LANG", language)
        lines = "\n".join(_lines(size(everything))).splitlines()
        assert max(map(len, lines)) <= 80, max(lines, key=len)


def test_without_people_it_asks_for_them() -> None:
    done = CliRunner().invoke(command, ["--recording"])
    assert done.exit_code == 2
    assert "--seats" in done.stderr
