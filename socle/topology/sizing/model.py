"""The whole answer to a demand: cells, tiers, and what they carry and keep, with the error of each number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from socle.topology.sizing import figures as f
from socle.topology.sizing.demand import Demand
from socle.topology.sizing.figures import Estimate, estimate
from socle.topology.sizing.tiers import (
    ORDER,
    Cell,
    TierSize,
    call_hours,
    capacity,
    hidden_shares,
    log_bytes,
    meeting_bytes,
    metric_bytes,
    seated,
    surviving,
    tiers,
)

# what the answer says beside the nodes, and how it is called
OUTLOOK: dict[str, str] = {
    "participants": "participants",
    "rooms": "rooms",
    "packets_in": "packets/s to the media nodes",
    "packets_out": "packets/s from the media nodes",
    "rate_in": "Mbit/s to the media nodes",
    "rate_out": "Mbit/s from the media nodes",
    "node_packets_in": "packets/s to one full media node",
    "node_packets_out": "packets/s from one full media node",
    "node_rate_in": "Mbit/s to one full media node",
    "node_rate_out": "Mbit/s from one full media node",
    "relayed": "participants through the relay",
    "public_in": "public Mbit/s, from users",
    "public_out": "public Mbit/s, to users",
    "recordings": "recordings at once",
    "calls": "phone calls at once",
    "transcription_streams": "GPU: hours of sound per hour",
    "subtitle_streams": "GPU: participants subtitled",
    "recordings_a_year": "recordings, GB a year",
    "recordings_kept": "recordings kept, GB",
    "transcripts_a_year": "transcripts, GB a year",
    "database_a_year": "database, GB a year",
    "logs_a_year": "logs, GB a year",
    "metrics_a_year": "metrics, GB a year",
}

# vCPU, memory and volume of a lab's node, where they are not the least
LAB: dict[str, tuple[int, float, int]] = {
    "media": (2, 1, 0),
    "bus": (1, 0.5, 1),
    "database": (1, 1, 1),
    # gunicorn's three processes take 385 MB, and an image is unpacked beside them
    "application": (2, 1, 0),
    "workers": (1, 1, 0),
}


@dataclass(frozen=True)
class Sizing:
    """`tiers`: by name, in a fixed order, those that nobody asked for with no node. `cells`: LiveKit domains, each a
    deployment of its own; the nodes are those of all of them. `outlook`: by the keys of OUTLOOK."""

    demand: Demand
    cells: int
    tiers: Mapping[str, TierSize]
    outlook: Mapping[str, Estimate]


def size(demand: Demand) -> Sizing:
    whole = Cell(demand, demand.participants)
    parts = [(1, whole)] if demand.lab else _cells(demand)
    sized = [(count, tiers(cell)) for count, cell in parts]
    # the fuller cells come first, and have the larger nodes
    found = {name: replace(sized[0][1][name], nodes=sum(n * one[name].nodes for n, one in sized)) for name in ORDER}
    if demand.lab:
        found = {name: _in_lab(name, one, demand.availability_zones) for name, one in found.items()}
    nodes = sum(one.nodes for one in found.values())
    return Sizing(demand, sum(count for count, _ in parts), found, dict(_outlook(whole, nodes)))


def cell_participants(demand: Demand) -> int:
    """Participants of a full cell: those whom the media nodes carry that one LiveKit domain is planned with."""
    most = int(f.DOMAIN_NODES.value)
    carrying = max(n for n in range(1, most) if surviving(n, demand.availability_zones) <= most)
    return carrying * capacity(demand)[1]


def _cells(demand: Demand) -> list[tuple[int, Cell]]:
    """How many of which: full ones, and one for who is left."""
    most = cell_participants(demand)
    full, rest = divmod(demand.participants, most)
    parts = [(full, most), (1, rest)]
    return [(count, Cell(demand, share)) for count, share in parts if count and share]


def _in_lab(name: str, one: TierSize, zones: int) -> TierSize:
    """One node for each zone; two for calls, to see them pass from one to the other; a vote where there are zones."""
    least = 2 if name == "media" else zones
    nodes = min(one.nodes, int(f.QUORUM.value) if one.limit == "quorum" and zones > 1 else least)
    vcpus, memory, volume = LAB.get(name, (1, 0.5, 1 if one.volume else 0))
    return TierSize(nodes, vcpus, memory, volume, limit="lab" if nodes else "not-asked", bound=nodes)


def _outlook(cell: Cell, nodes: int) -> dict[str, Estimate]:
    demand, people = cell.demand, cell.participants
    most = capacity(demand)[1]
    load = people + cell.hidden
    full = min(load, most)
    received = f.received_packets(seated(demand))
    recorded, transcribed, subtitled = (share * cell.rooms for share in hidden_shares(demand))
    packets = (f.VIDEO_PACKETS, f.SOUND_PACKETS, f.SEATED)
    relayed = people * demand.relayed_share
    peak, room = f.PEAK_IN_CALL, f.AVERAGE_ROOM
    hours = (peak, room, f.RECORDED, f.BUSY_HOURS, f.WORKING_DAYS)
    video = call_hours(recorded) * f.VIDEO_GIGABYTES.value
    database = meeting_bytes(cell) + demand.seats * demand.growth * f.SEAT_BYTES.value
    found = {
        "participants": estimate(people, peak),
        "rooms": estimate(cell.rooms, peak, room),
        "packets_in": estimate(people * f.SENT_PACKETS.value, peak, f.SENT_PACKETS),
        "packets_out": estimate(load * received, peak, *packets),
        "rate_in": estimate(people * f.RATE_IN.value, peak, f.RATE_IN),
        "rate_out": estimate(load * f.RATE_OUT.value, peak, f.RATE_OUT),
        "node_packets_in": estimate(full * f.SENT_PACKETS.value, f.SENT_PACKETS),
        "node_packets_out": estimate(full * received, *packets),
        "node_rate_in": estimate(full * f.RATE_IN.value, f.RATE_IN),
        "node_rate_out": estimate(full * f.RATE_OUT.value, f.RATE_OUT),
        "relayed": estimate(relayed, peak, f.RELAYED),
        "public_in": estimate(people * f.RATE_IN.value, peak, f.RATE_IN),
        "public_out": estimate(people * f.RATE_OUT.value, peak, f.RATE_OUT),
        "recordings": estimate(recorded, peak, room, f.RECORDED),
        "calls": estimate(demand.telephony * people * demand.phone_share, peak, f.BY_PHONE),
        "transcription_streams": estimate(transcribed, peak, room, f.TRANSCRIBED),
        "subtitle_streams": estimate(subtitled * demand.typical_room, peak, f.SUBTITLED),
        "recordings_a_year": estimate(video, *hours, f.VIDEO_GIGABYTES),
        "recordings_kept": estimate(video * demand.retention_days / 365, *hours, f.VIDEO_GIGABYTES),
        "transcripts_a_year": estimate(call_hours(transcribed) * f.AUDIO_GIGABYTES.value, *hours, f.AUDIO_GIGABYTES),
        "database_a_year": estimate(database / 1e9, *hours, f.MEETING_BYTES),
        "logs_a_year": estimate(log_bytes(nodes, cell, 365) / 1e9, peak, f.NODE_LOGS, f.CALL_LOGS),
        "metrics_a_year": estimate(metric_bytes(nodes, 365) / 1e9, f.SERIES, f.SAMPLE_BYTES),
    }
    return {name: found[name] for name in OUTLOOK}
