"""How many nodes of each tier one cell needs, of what size, and which limit says so. Pure arithmetic over figures.

Every rule grows: more people, a larger room, another feature or another zone never takes a node, a vCPU or a byte away.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from socle.topology.sizing import figures as f
from socle.topology.sizing.demand import Demand

GIB = 2**30

# a limit -> what is said of it; the value comes last
LIMITS: dict[str, str] = {
    "port": "participants whose media the port of one node carries: {value}",
    "processor": "participants that one node was measured with: {value}",
    "tracks": "participants on a node before LiveKit opens no more rooms on it: {value}",
    "room": "the largest room fits in one node; its participants: {value}",
    "packets": "relayed participants whose packets one node passes on: {value}",
    "relay-ports": "relay ports of one address: {value}",
    "connections": "participants connected to one node: {value}",
    "requests": "requests per second that one node answers: {value}",
    "jobs": "jobs at once on one node: {value}",
    "quorum": "a majority must survive the loss of one; nodes: {value}",
    "egress": "CPU of one node that recordings may reserve: {value}",
    "calls": "phone calls on one node: {value}",
    "realtime": "hours of sound that one GPU transcribes in an hour: {value}",
    "streams": "participants that one GPU subtitles: {value}",
    "agents": "rooms whose subtitle agents run on one node: {value}",
    "storage": "GiB to keep on each node: {value}",
    "never-alone": "the loss of one must not stop it; nodes: {value}",
    "enough": "one is enough; nodes: {value}",
    "lab": "a lab has the shape, not the size; nodes: {value}",
    "not-asked": "not asked for",
}


@dataclass(frozen=True)
class TierSize:
    """Of all cells together: `nodes`. Of one node: vCPU, memory and volume in GiB, GPUs, network port in Mbit/s
    (0: any). `limit`: a key of LIMITS; `bound`: its value."""

    nodes: int
    vcpus: int
    memory: float
    volume: int = 0
    gpus: int = 0
    port: int = 0
    limit: str = "enough"
    bound: int = 1

    @property
    def because(self) -> str:
        """The limit in one sentence, its value last."""
        return LIMITS[self.limit].format(value=self.bound)


@dataclass(frozen=True)
class Cell:
    """One LiveKit domain with all that is around it: the demand's rules, and the participants that this cell takes."""

    demand: Demand
    participants: int

    @property
    def rooms(self) -> float:
        return self.participants / self.demand.typical_room

    @property
    def hidden(self) -> float:
        """Recorders and subtitle agents, which sit in rooms as participants do."""
        return self.rooms * sum(hidden_shares(self.demand))

    @property
    def recordings(self) -> int:
        return asked(self.demand.recording, self.rooms * self.demand.recorded_share)

    @property
    def transcriptions(self) -> int:
        return asked(self.demand.transcription, self.rooms * self.demand.transcribed_share)

    @property
    def calls(self) -> int:
        return asked(self.demand.telephony, self.participants * self.demand.phone_share)

    @property
    def subtitled(self) -> int:
        """Participants in rooms with subtitles."""
        return asked(self.demand.subtitles, self.participants * self.demand.subtitled_share)


def hidden_shares(demand: Demand) -> tuple[float, float, float]:
    return (
        demand.recording * demand.recorded_share,
        demand.transcription * demand.transcribed_share,
        demand.subtitles * demand.subtitled_share,
    )


def asked(feature: bool, amount: float) -> int:
    """At least one of what is asked for."""
    return max(1, math.ceil(amount)) if feature else 0


def seated(demand: Demand) -> float:
    """The room that the average participant sits in: large rooms hold more of the participants than small ones."""
    return min(demand.room, demand.typical_room * f.SEATED.value)


def room_rate(room: int) -> float:
    """Mbit/s out of the node that holds a room, every camera and microphone on."""
    return room * f.received_rate(room)


def capacity(demand: Demand) -> tuple[str, int]:
    """Participants planned on a 16 vCPU media node, and the limit that says so. Larger nodes, taken where a room needs
    them, are planned no fuller: nobody has measured them."""
    tracks = min(f.TRACKS.value * f.CORES.value, f.TRACKS_MOST.value)
    limits = {
        "port": f.PORT_FILL.value * demand.port / f.RATE_OUT.value,
        "processor": f.MEASURED.value,
        "tracks": tracks / (2 * demand.typical_room),  # two published, two of each other participant received
    }
    return _least(limits)


def relay_capacity(demand: Demand) -> tuple[str, int]:
    """Relayed participants planned on a 4 vCPU node, which fills little more than 1 Gbit/s; what comes from one side
    leaves by the other."""
    port = min(demand.port, f.PORT.value)
    return _least(
        {
            "port": f.PORT_FILL.value * port / (f.RATE_IN.value + f.RATE_OUT.value),
            "packets": f.RELAY_PACKETS.value / (f.received_packets(seated(demand)) + f.SENT_PACKETS.value),
            "relay-ports": f.RELAY_PORTS.value,
        }
    )


def surviving(needed: int, zones: int) -> int:
    """Nodes of which enough are left when one zone is lost, or one node where there is one zone."""
    return needed + 1 if zones == 1 else zones * math.ceil(needed / (zones - 1))


def several(needed: int, zones: int) -> int:
    """Nodes of a tier that may be slow for a while: one is left in another zone."""
    return max(needed, min(zones, 2))


def tiers(cell: Cell) -> dict[str, TierSize]:
    """Every tier of one cell, in the order of the table."""
    found = dict(_calls(cell)) | dict(_data(cell)) | dict(_features(cell))
    found |= dict(_care(cell, sum(size.nodes for size in found.values())))
    return {name: found[name] for name in ORDER}


def _calls(cell: Cell) -> Iterator[tuple[str, TierSize]]:
    demand, zones = cell.demand, cell.demand.availability_zones
    bastions = several(1, zones)
    yield "bastion", TierSize(bastions, 2, 4, limit="never-alone" if bastions > 1 else "enough", bound=bastions)
    yield "edge", _carried(cell.participants, int(f.EDGE_CONNECTIONS.value), zones, TierSize(0, 4, 8), "connections")
    yield "media", _media(cell)
    limit, most = relay_capacity(demand)
    relayed = asked(True, cell.participants * demand.relayed_share)  # its nodes answer STUN in any case
    port = math.ceil(min(relayed, most) * (f.RATE_IN.value + f.RATE_OUT.value) / f.PORT_FILL.value)
    yield "turn", _carried(relayed, most, zones, TierSize(0, 4, 8, port=port), limit)
    requests = cell.participants / f.JOIN_RUSH.value * f.JOIN_REQUESTS.value
    answered = int(f.WEB_WORKERS.value / f.REQUEST_TIME.value * f.WEB_FILL.value)
    yield "application", _carried(requests, answered, zones, TierSize(0, int(f.APPLICATION_CORES.value), 8), "requests")


def _media(cell: Cell) -> TierSize:
    demand = cell.demand
    limit, most = capacity(demand)
    load = cell.participants + cell.hidden
    needed = math.ceil(load / most)
    full = max(demand.room, min(load, most))  # participants on one node, at most
    cores = f.CORES.value * full / f.MEASURED.value
    if demand.room > f.MEASURED.value:  # beyond what was measured a full room's work grows with its square
        cores = f.CORES.value * demand.room * f.received_packets(demand.room) / f.MEETING.packets_out
    cores = max(cores, min(load, most) * 2 * demand.typical_room / f.TRACKS.value)
    vcpus = next(size for size in (4 * 2**step for step in range(16)) if size >= cores)
    rate = max(room_rate(demand.room), min(load, most) * f.RATE_OUT.value / f.PORT_FILL.value)
    by_room = needed == 1 or vcpus > f.CORES.value or room_rate(demand.room) > demand.port
    return TierSize(
        surviving(needed, demand.availability_zones),
        vcpus,
        vcpus * f.MEDIA_MEMORY.value,
        port=math.ceil(rate),
        limit="room" if by_room else limit,
        bound=demand.room if by_room else most,
    )


def _data(cell: Cell) -> Iterator[tuple[str, TierSize]]:
    demand, nodes = cell.demand, int(f.QUORUM.value)
    # everybody may be a guest of every cell
    yield "database", TierSize(nodes, 4, 16, _gib(20 * GIB + 2 * database_bytes(cell)), limit="quorum", bound=nodes)
    sessions = math.ceil(demand.people * f.SESSION_BYTES.value / GIB / 2) * 2
    # what it holds, its append-only file, and that file while it is written anew
    yield "cache", TierSize(nodes, 2, 2 + sessions, _gib(20 * GIB + 3 * sessions * GIB), limit="quorum", bound=nodes)
    yield "bus", TierSize(nodes, 2, 8, 20, limit="quorum", bound=nodes)
    yield "objects", _objects(cell)


def _objects(cell: Cell) -> TierSize:
    """Three copies of what is kept, on nodes of the stack's own."""
    if not cell.demand.own_objects:
        return TierSize(0, 4, 8, limit="not-asked", bound=0)
    each, least = int(f.VOLUME_MOST.value), int(f.QUORUM.value)
    whole = _gib(20 * GIB + f.OBJECT_COPIES.value * kept_bytes(cell))
    if whole <= least * each:
        return TierSize(least, 4, 8, math.ceil(whole / least), limit="quorum", bound=least)
    return TierSize(math.ceil(whole / each), 4, 8, each, limit="storage", bound=each)


def _features(cell: Cell) -> Iterator[tuple[str, TierSize]]:
    demand, zones = cell.demand, cell.demand.availability_zones
    cores = int(f.CORES.value)
    # egress: the next recording is taken while 0.8 of the CPU less what is reserved leaves its cost
    given = int(cores * f.EGRESS_FILL.value // f.VIDEO_COST.value * f.VIDEO_COST.value)
    reserved = cell.recordings * f.VIDEO_COST.value + cell.transcriptions * f.AUDIO_COST.value
    yield "recording", _carried(reserved, given, zones, TierSize(0, cores, 32), "egress")
    yield "telephony", _carried(cell.calls, int(f.CALLS.value), zones, TierSize(0, 4, 8), "calls")
    transcription = _queued(cell.transcriptions, int(f.REALTIME.value), zones, TierSize(0, 8, 32, gpus=1), "realtime")
    yield "transcription", transcription
    # one process each to transcribe and to summarise for every GPU, one that deletes files, one that calls back
    yield "workers", _queued(2 + 2 * transcription.nodes, int(f.JOBS.value), 2, TierSize(0, 4, 8), "jobs")
    speech = TierSize(0, cores, 64, gpus=1)  # with the agents of its rooms beside it; it takes two vCPU itself
    streams = _queued(cell.subtitled, int(f.STREAMS.value), zones, speech, "streams")
    rooms = asked(demand.subtitles, cell.subtitled / demand.typical_room)
    agents = _queued(rooms, int((cores - 2) / f.AGENT_CORES.value), zones, speech, "agents")
    yield "subtitles", agents if agents.nodes > streams.nodes else streams


def _care(cell: Cell, watched: int) -> Iterator[tuple[str, TierSize]]:
    """What watches, keeps and feeds the others; `watched`: their nodes."""
    nodes = several(1, cell.demand.availability_zones)
    sizes = {
        "monitoring": TierSize(nodes, 4, 16, _gib(20 * GIB + metric_bytes(watched, f.METRIC_DAYS.value))),
        "logs": TierSize(nodes, 4, 16, _gib(20 * GIB + log_bytes(watched, cell, cell.demand.log_days))),
        "backup": TierSize(nodes, 2, 4, _gib(20 * GIB + f.BACKUPS.value * database_bytes(cell))),
        "mirror": TierSize(nodes, 2, 4, int(f.MIRROR_GIGABYTES.value)),
    }
    for name, size in sizes.items():
        yield name, _bound(size, size.nodes, "storage", size.volume)


ORDER = (
    *("bastion", "edge", "media", "turn", "application", "workers", "database", "cache", "bus", "recording"),
    *("telephony", "transcription", "subtitles", "objects", "monitoring", "logs", "backup", "mirror"),
)


def call_hours(participants_or_rooms: float) -> float:
    """Hours a year, from what is there at the busiest moment."""
    return participants_or_rooms * f.BUSY_HOURS.value * f.WORKING_DAYS.value


def meeting_bytes(cell: Cell) -> float:
    """What a year's meetings leave in the database."""
    return call_hours(cell.rooms) * f.MEETING_BYTES.value


def database_bytes(cell: Cell) -> float:
    """At the end of the years, and of one at least."""
    return cell.demand.people * f.SEAT_BYTES.value + meeting_bytes(cell) * max(1, cell.demand.years)


def kept_bytes(cell: Cell) -> float:
    """Recordings and transcripts at the end of their retention."""
    recorded, transcribed, _subtitled = (share * cell.rooms for share in hidden_shares(cell.demand))
    a_year = call_hours(recorded) * f.VIDEO_GIGABYTES.value + call_hours(transcribed) * f.AUDIO_GIGABYTES.value
    return a_year * 1e9 * cell.demand.retention_days / 365


def metric_bytes(nodes: int, days: float) -> float:
    return nodes * f.SERIES.value * 86400 / f.SCRAPE.value * days * f.SAMPLE_BYTES.value


def log_bytes(nodes: int, cell: Cell, days: float) -> float:
    return (nodes * f.NODE_LOGS.value * 1e9 + cell.participants * f.BUSY_HOURS.value * f.CALL_LOGS.value) * days


def _least(limits: dict[str, float]) -> tuple[str, int]:
    name = min(limits, key=lambda one: limits[one])
    return name, int(limits[name])


def _carried(amount: float, most: int, zones: int, one: TierSize, limit: str) -> TierSize:
    """Of a tier that people notice at once: what is left after a loss carries everything."""
    if amount == 0:
        return _bound(one, 0, "not-asked", 0)
    needed = math.ceil(amount / most)
    nodes = surviving(needed, zones)
    return _bound(one, nodes, *(("never-alone", nodes) if needed == 1 else (limit, most)))


def _queued(amount: float, most: int, zones: int, one: TierSize, limit: str) -> TierSize:
    """Of a tier that works later or less when a part is lost."""
    if amount == 0:
        return _bound(one, 0, "not-asked", 0)
    needed = math.ceil(amount / most)
    nodes = several(needed, zones)
    alone = ("never-alone", nodes) if nodes > needed else (limit, most)
    return _bound(one, nodes, *alone)


def _bound(one: TierSize, nodes: int, limit: str, bound: int) -> TierSize:
    return replace(one, nodes=nodes, limit=limit, bound=bound)


def _gib(amount: float) -> int:
    """Whole tens of GiB."""
    return math.ceil(amount / GIB / 10) * 10
