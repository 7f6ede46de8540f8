"""docs/sizing.md, from the model itself: `python -m socle.topology.sizing.page` writes it, a test compares it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from socle.topology.sizing import figures as f
from socle.topology.sizing.demand import BOUNDS, Demand
from socle.topology.sizing.figures import Figure
from socle.topology.sizing.model import OUTLOOK, cell_participants, size
from socle.topology.sizing.tiers import LIMITS, ORDER, capacity, relay_capacity

EXAMPLES: dict[str, Demand] = {
    "100 people, rooms up to 20": Demand(100, largest_room=20),
    "5,000 people, two zones": Demand(5_000, availability_zones=2),
    "154,000 people, two zones, recording and transcription": Demand(
        154_000, peak_in_call=0.04, availability_zones=2, recording=True, transcription=True
    ),
    "5.7 million people, three zones, everything": Demand(
        5_700_000, availability_zones=3, recording=True, transcription=True, subtitles=True, telephony=True
    ),
}
BASES = {
    "published": "measured or stated by the source",
    "derived": "computed from published figures",
    "assumed": "ours, until the platform's own metrics replace it",
}


def page() -> str:
    """The whole page, Markdown."""
    return "\n".join((*_head(), *_model(), *_rules(), *_examples(), *_limits(), *_figures(), *_left_out()))


def _head() -> Iterator[str]:
    yield f"""# Sizing: from people to nodes

`socle size` says how many nodes of what size so many people need, and which limit says so; a stack's nodes are counted
by the same model. It is pure arithmetic over the figures of the last section: each has a source, and says how far off
it may be. This page is written by `make docs` from the model.

```sh
socle size --seats 154000 --peak 0.04 --zones 2 --recording --transcription
socle size --stack cnrs --growth 0.1 --years 3      # what if the seats of a stack grow by a tenth for three years
socle size --seats 5700000 --json
```

Every number printed beside the nodes has a low, an expected and a high value: a figure's true value lies between its
value divided by its error and multiplied by it, and errors are taken as independent (their logarithms add in
quadrature). Nodes are counted from expected values. What is kept ready for the loss of a zone is no reserve against a
wrong forecast: ask again with `--peak {2 * f.PEAK_IN_CALL.value:g}` to see what the double would cost.
"""


def _model() -> Iterator[str]:
    one = Demand(100_000)
    yield f"""## The model

| What | How |
|---|---|
| seats | seats x (1 + growth) ^ years |
| participants | seats x peak in call; never fewer than fill the largest room |
| rooms | participants / average room |
| room of the average participant | {_n(f.SEATED)} x average room, at most the largest: full rooms hold \
most participants |
| to one participant of a room of n | {_n(f.VIDEO_PACKETS)} + {_n(f.SOUND_PACKETS)} (n - 1) packets/s |
| the same in Mbit/s | {_n(f.VIDEO_RATE)} + sound of {_n(f.SOUND_BYTES)} bytes a packet + {_n(f.HEADERS)} bytes of \
headers |
| planned for a participant | {_n(f.RATE_OUT)} Mbit/s out and {_n(f.RATE_IN)} in: a full measured room's, in \
every room |
| hidden participants | a recorder for each recorded or transcribed room, an agent for each subtitled one |
| **media node** | the least of {_n(f.PORT_FILL)} x port / {_n(f.RATE_OUT)}, of the {_n(f.MEASURED)} measured on \
{_n(f.CORES)} vCPU, and of {_n(f.TRACKS)} tracks per vCPU / (2 x average room): {capacity(one)[1]} participants \
at 1 Gbit/s |
| its size | the largest room fits: {_n(f.CORES)} vCPU per {_n(f.MEASURED)}, from 4 vCPU up in doubles; beyond \
{_n(f.MEASURED)}, which nobody has measured, with the square of the room; a larger node is planned no fuller |
| its port | carries the largest room alone ({f.MEASURED.value * f.RATE_OUT.value:.0f} Mbit/s for {_n(f.MEASURED)}), \
or its planned participants |
| **TURN node** | the least of {_n(f.PORT_FILL)} x port / ({_n(f.RATE_IN)} + {_n(f.RATE_OUT)}) and of \
{_n(f.RELAY_PACKETS)} packets/s: {relay_capacity(one)[1]} relayed participants on 4 vCPU |
| edge node | {_n(f.EDGE_CONNECTIONS)} connections, one per participant |
| application node | everybody joins within {_n(f.JOIN_RUSH)} s, {_n(f.JOIN_REQUESTS)} requests each; \
{_n(f.WEB_WORKERS)} processes x {_n(f.WEB_FILL)} / {_n(f.REQUEST_TIME)} s are answered |
| workers | one process for each GPU to transcribe and one to summarise, and two; {_n(f.JOBS)} on a node |
| database, cache, bus | {_n(f.QUORUM)} nodes; the database holds seats and meetings, the cache a session per seat |
| recording | {_n(f.VIDEO_COST)} CPU per video, {_n(f.AUDIO_COST)} per sound to transcribe; egress gives away \
{_n(f.EGRESS_FILL)} of a node's CPU, so 16 vCPU take 3 videos |
| telephony | {_n(f.CALLS)} calls on a node |
| transcription | {_n(f.REALTIME)} h of sound per hour and GPU, one job at a time: the busiest hour's rooms are done \
in the next |
| subtitles | {_n(f.STREAMS)} participants per GPU (L40S); one vCPU for the agent of each room |
| monitoring, logs, backup, mirror | by storage: series and logs of all nodes, copies of the database, packages |
| storage | {_n(f.BUSY_HOURS)} busiest hours a day, {_n(f.WORKING_DAYS)} days a year |
| cells | a domain of more than {_n(f.DOMAIN_NODES)} media nodes is not planned: {cell_participants(one):,} \
participants in one zone, {cell_participants(Demand(100_000, availability_zones=2)):,} in two, \
{cell_participants(Demand(100_000, availability_zones=3)):,} in three. Beyond, several deployments stand beside each \
other, each with its own application, data and bus, since Meet knows one LiveKit address; every seat may be a guest of \
each |
"""


def _rules() -> Iterator[str]:
    yield f"""## What always holds

* A room lives on one media node, so the largest room fixes the node's size.
* Edge, media, TURN, application, recording and telephony carry everything when any zone is lost (two zones: twice the
  nodes; three: half as many again), and with one zone when any node is lost or drained. Other tiers keep one node in
  another zone, and work later or less: transcription queues, new subtitles are refused.
* Media is never one node alone. Quorum tiers are odd and {_n(f.QUORUM)} at least; with two zones they need a witness
  in a third place, or promotion is by hand.
* More people, a larger share, a larger room or another feature never takes a node, a vCPU or a byte away. One input
  may: a larger *average* room means fewer rooms, hence fewer recorders.
* A lab is one small node of each, and two media nodes, whatever is asked.

Inputs: {_inputs()}.
"""


def _inputs() -> str:
    limits = {**BOUNDS, "largest_room": (2, 1000), "average_room": (2, 1000)}
    return ", ".join(f"{name} {least:g} to {most:.10g}" for name, (least, most) in limits.items())


def _examples() -> Iterator[str]:
    answers = [size(demand) for demand in EXAMPLES.values()]
    yield "## Examples\n"
    yield from _table(
        ("", *EXAMPLES),
        [
            ("participants", *(f"{one.demand.participants:,}" for one in answers)),
            ("cells", *(one.cells for one in answers)),
            *((name, *(_nodes(one.tiers[name].nodes, one.tiers[name].limit) for one in answers)) for name in ORDER),
            *((OUTLOOK[name], *(f"{one.outlook[name].expected:,.0f}" for one in answers)) for name in _TOLD),
        ],
    )
    yield "\nNodes, and the limit that binds. The four answers take well under 50 ms together.\n"


_TOLD = ("rooms", "public_out", "packets_out", "relayed", "recordings_a_year")


def _nodes(nodes: int, limit: str) -> str:
    return f"{nodes:,} ({limit})" if nodes else "-"


def _limits() -> Iterator[str]:
    yield "## Limits\n"
    yield from _table(("Limit", "What is said"), [(f"`{name}`", text) for name, text in LIMITS.items()])
    yield ""


def _figures() -> Iterator[str]:
    yield "## Figures\n"
    for basis, words in BASES.items():
        yield f"`{basis}`: {words}.  "
    yield ""
    rows = [(one.title, _n(one), one.unit, one.basis, _error(one), one.source) for one in f.FIGURES]
    yield from _table(("Figure", "Value", "Unit", "Basis", "Error", "Source"), rows)


def _left_out() -> Iterator[str]:
    yield """
LiveKit's benchmark is one room on one 16-core machine. Its meeting row reads as 149 microphones and video: less the
audio row's packets, 540 packets/s of 946 bytes are left to each participant, and the livestream row has packets of 947.
That every microphone was on is our reading.

## Left out

The cloud's own tiers (load balancers, DNS, object storage), screens shared at more than 720p, the pages' own traffic
(about a hundredth of the media's), and what a language model for summaries needs. Nothing about the State's own
production is published: concurrent peaks, nodes and bandwidth are not known to us.
"""


def _table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> Iterator[str]:
    yield f"| {' | '.join(map(str, head))} |"
    yield "|" + "---|" * len(head)
    for row in rows:
        yield f"| {' | '.join(map(str, row))} |"


def _n(figure: Figure) -> str:
    return f"{figure.value:,.0f}" if figure.value >= 100 else f"{figure.value:.3g}"


def _error(figure: Figure) -> str:
    return "as given" if figure.off_by == 1 else f"x or / {figure.off_by:g}"


if __name__ == "__main__":
    from socle import content

    (content.root() / "docs/sizing.md").write_text(page(), encoding="utf-8")
