"""The figures that the sizing model stands on: each with its unit, its source, and how far off it may be.

`published`: measured or stated by the source. `derived`: computed here from published figures. `assumed`: ours, until
somebody measures; the platform's own metrics are to replace it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Basis = Literal["published", "derived", "assumed"]


@dataclass(frozen=True)
class Figure:
    """`off_by`: the true value lies between value / off_by and value x off_by; 1 where the figure is exact."""

    title: str
    value: float
    unit: str
    basis: Basis
    source: str
    off_by: float = 1.0


@dataclass(frozen=True)
class Row:
    """A row of LiveKit's benchmark: one room on one 16-core node; bytes and packets per second, share of the CPU."""

    publishers: int
    subscribers: int
    bytes_in: float
    bytes_out: float
    packets_in: float
    packets_out: float
    load: float


# LiveKit documentation, "Benchmarking"
AUDIO = Row(10, 3000, 7.3e3, 23e6, 305, 959_156, 0.80)
MEETING = Row(150, 150, 50e6, 93e6, 51_068, 762_749, 0.85)
LIVESTREAM = Row(1, 3000, 233e3, 531e6, 246, 560_962, 0.92)
BENCHMARK = "LiveKit documentation, Benchmarking"
SAMPLE = "LiveKit, config-sample.yaml"
OURS = "our assumption"

# --- people ----------------------------------------------------------------------------------------------------------

PEAK_IN_CALL = Figure("Seats in a call at the busiest moment", 0.05, "share", "assumed", OURS, 1.5)
LARGEST_ROOM = Figure("Largest room", 150, "participants", "published", "suitenumerique/meet, README")
AVERAGE_ROOM = Figure("Average room", 5, "participants", "assumed", OURS, 2)
SEATED = Figure("The room that the average participant sits in", 2, "average rooms", "assumed", OURS, 1.5)
BUSY_HOURS = Figure("A working day's calls", 4, "busiest hours", "assumed", OURS, 1.5)
WORKING_DAYS = Figure("Working days", 220, "days a year", "assumed", OURS, 1.1)
JOIN_RUSH = Figure("Time in which everybody in a call at the peak joined", 300, "s", "assumed", OURS, 2)

# --- media -----------------------------------------------------------------------------------------------------------

CORES = Figure("Node of the benchmark", 16, "vCPU", "published", BENCHMARK)
MEASURED = Figure("Participants measured on that node, all with camera", MEETING.publishers, "", "published", BENCHMARK)
HEADERS = Figure(
    "IPv4 and UDP headers, which the benchmark's bytes leave out (its sound has 24 bytes a packet)",
    28,
    "bytes",
    "published",
    "RFC 791, RFC 768",
)
SOUND_PACKETS = Figure(
    "Packets received from each other participant's microphone",
    AUDIO.packets_in / AUDIO.publishers,
    "packets/s",
    "derived",
    f"{BENCHMARK}, audio row: 305 packets/s of 10 speakers",
    1.5,
)
SOUND_BYTES = Figure(
    "Bytes of such a packet",
    AUDIO.bytes_out / AUDIO.packets_out,
    "bytes",
    "derived",
    f"{BENCHMARK}, audio row: 23 MB/s over 959,156 packets/s",
    4,
)
_OTHERS = MEETING.publishers - 1
VIDEO_PACKETS = Figure(
    "Packets of video received by a participant",
    MEETING.packets_out / MEETING.subscribers - _OTHERS * SOUND_PACKETS.value,
    "packets/s",
    "derived",
    f"{BENCHMARK}, meeting row less its microphones; the rest has 946 bytes a packet, the livestream row 947",
    1.5,
)
VIDEO_RATE = Figure(
    "Video received by a participant",
    MEETING.bytes_out * 8e-6 / MEETING.subscribers - _OTHERS * SOUND_PACKETS.value * SOUND_BYTES.value * 8e-6,
    "Mbit/s",
    "derived",
    f"{BENCHMARK}, meeting row less its microphones",
    1.3,
)
SENT_PACKETS = Figure(
    "Packets sent by a participant",
    MEETING.packets_in / MEETING.publishers,
    "packets/s",
    "derived",
    f"{BENCHMARK}, meeting row: 51,068 packets/s of 150",
    1.5,
)


def received_packets(room: float) -> float:
    """Packets per second to one participant of a room, every camera and microphone on."""
    return VIDEO_PACKETS.value + (room - 1) * SOUND_PACKETS.value


def received_rate(room: float) -> float:
    """Mbit/s to one participant of a room, headers included."""
    sound = (room - 1) * SOUND_PACKETS.value * SOUND_BYTES.value * 8e-6
    return VIDEO_RATE.value + sound + received_packets(room) * HEADERS.value * 8e-6


RATE_OUT = Figure(
    "Planned for a participant, from the platform, headers included",
    received_rate(MEASURED.value),
    "Mbit/s",
    "derived",
    f"{BENCHMARK}, meeting row: 93 MB/s to 150; a full room's, used for every room: smaller ones need less",
    1.3,
)
RATE_IN = Figure(
    "Planned for a participant, to the platform, headers included",
    MEETING.bytes_in * 8e-6 / MEETING.publishers + SENT_PACKETS.value * HEADERS.value * 8e-6,
    "Mbit/s",
    "derived",
    f"{BENCHMARK}, meeting row: 50 MB/s of 150",
    1.3,
)
PORT = Figure("Network port of a node, where the cloud file says nothing else", 1000, "Mbit/s", "assumed", OURS)
PORT_FILL = Figure(
    "How full a port is planned (LiveKit's own limits of a node are 0.9 too)", 0.9, "share", "assumed", OURS, 1.1
)
TRACKS = Figure("Tracks in and out before a node takes no new room", 400, "per vCPU", "published", SAMPLE)
TRACKS_MOST = Figure("The same, at most", 8000, "per node", "published", SAMPLE)
MEDIA_MEMORY = Figure("Memory of a media node", 2, "GiB per vCPU", "assumed", f"{OURS}; LiveKit's chart asks for less")
DOMAIN_NODES = Figure(
    "Media nodes in one LiveKit domain",
    128,
    "nodes",
    "assumed",
    f"{OURS}; nothing larger is published, and livekit #3858 reports signalling lost on the bus",
    2,
)

# --- relay -----------------------------------------------------------------------------------------------------------

RELAYED = Figure(
    "Participants who need the relay", 0.15, "share", "assumed", f"{OURS}; 0.10 to 0.20 in the field, more behind", 2
)
RELAY_PACKETS = Figure(
    "Packets through coturn on 4 vCPU, without its newer batched paths",
    126_509,
    "packets/s",
    "published",
    "coturn, docs, PerformanceIterationLog",
)
RELAY_PORTS = Figure("Allocations per relay address", 16_383, "", "published", "coturn, default range 49152 to 65535")

# --- pages, application, data ----------------------------------------------------------------------------------------

EDGE_CONNECTIONS = Figure("Participants' connections on an edge node of 4 vCPU", 10_000, "", "assumed", OURS, 2)
JOIN_REQUESTS = Figure("Requests to the application when somebody joins", 10, "requests", "assumed", OURS, 2)
REQUEST_TIME = Figure("Time of such a request", 0.05, "s", "assumed", OURS, 2)
WEB_WORKERS = Figure(
    "Web processes of an application node", 3, "", "published", "suitenumerique/meet, gunicorn/meet.py"
)
WEB_FILL = Figure("How busy they are planned", 0.7, "share", "assumed", OURS, 1.2)
APPLICATION_CORES = Figure("Application node", 4, "vCPU", "published", "Meet, self-hosting guide: 4 CPU, 8 GB advised")
JOBS = Figure(
    "Background jobs at once on a node of 4 vCPU", 4, "", "assumed", f"{OURS}; Celery runs one per process", 2
)
SEAT_BYTES = Figure("Database, per seat", 20e3, "bytes", "assumed", OURS, 3)
MEETING_BYTES = Figure("Database, per meeting of an hour", 2e3, "bytes", "assumed", OURS, 3)
SESSION_BYTES = Figure("Cache, per seat with a session", 4e3, "bytes", "assumed", OURS, 2)
QUORUM = Figure(
    "Nodes of PostgreSQL, of the cache and of the bus", 3, "nodes", "published", "Valkey Sentinel, etcd: three"
)

# --- features --------------------------------------------------------------------------------------------------------

RECORDED = Figure("Rooms that are recorded at once", 0.10, "share", "assumed", OURS, 2)
TRANSCRIBED = Figure("Rooms that are transcribed at once", 0.10, "share", "assumed", OURS, 2)
SUBTITLED = Figure("Rooms with live subtitles at once", 0.10, "share", "assumed", OURS, 2)
BY_PHONE = Figure("Participants by phone", 0.05, "share", "assumed", OURS, 2)
VIDEO_COST = Figure("CPU that egress reserves for a video recording", 4, "CPU", "published", "livekit/egress, config")
AUDIO_COST = Figure("The same for sound alone", 1, "CPU", "published", "livekit/egress, config")
EGRESS_FILL = Figure("CPU of a node that egress gives away", 0.8, "share", "published", "livekit/egress, stats monitor")
VOLUME_MOST = Figure("GiB on one volume", 16_384, "GiB", "assumed", OURS, 1)
OBJECT_COPIES = Figure("Copies of each object on nodes of the stack's own", 3, "", "assumed", OURS, 1)
CALLS = Figure("Phone calls on a node of 4 vCPU", 100, "calls", "assumed", OURS, 2)
REALTIME = Figure(
    "Speed of WhisperX with speaker separation on one GPU",
    20,
    "h of sound per h",
    "assumed",
    f"{OURS}; its README claims 70 without, on an unnamed GPU",
    2,
)
STREAMS = Figure(
    "Live subtitles of Kyutai on one L40S, one stream per participant",
    64,
    "streams",
    "published",
    "kyutai-labs/delayed-streams-modeling, README",
)
AGENT_CORES = Figure("Subtitle agent, one per room", 1, "vCPU", "published", "Meet, subtitles: 0.5 to 1 core", 1.4)

# --- storage ---------------------------------------------------------------------------------------------------------

VIDEO_GIGABYTES = Figure("A recording", 1.4, "GB/h", "published", "suitenumerique/meet, features/recording.md", 1.3)
AUDIO_GIGABYTES = Figure("Sound and transcript of a meeting", 0.06, "GB/h", "assumed", f"{OURS}: Opus, 128 kbit/s", 2)
SERIES = Figure("Time series per node", 1500, "", "assumed", OURS, 2)
SCRAPE = Figure("Time between two samples", 15, "s", "assumed", OURS)
SAMPLE_BYTES = Figure("Bytes per sample", 2, "bytes", "published", "Prometheus documentation, Storage: 1 to 2", 1.4)
METRIC_DAYS = Figure("Metrics are kept", 90, "days", "assumed", OURS)
NODE_LOGS = Figure("Logs of a node, compressed", 0.05, "GB/day", "assumed", OURS, 3)
CALL_LOGS = Figure("Logs of a participant's hour, compressed", 20e3, "bytes", "assumed", OURS, 3)
BACKUPS = Figure(
    "Backups kept, in sizes of the database", 6, "", "assumed", f"{OURS}: four weekly, and the journal", 1.5
)
MIRROR_GIGABYTES = Figure("Mirrored packages and images", 200, "GiB", "assumed", OURS, 2)

FIGURES: tuple[Figure, ...] = tuple(value for value in dict(globals()).values() if isinstance(value, Figure))


@dataclass(frozen=True)
class Estimate:
    """An expected value, and between which two it lies given the figures' errors."""

    low: float
    expected: float
    high: float


def estimate(expected: float, *figures: Figure) -> Estimate:
    """The figures' errors are taken as independent: their logarithms add in quadrature."""
    off = math.exp(math.sqrt(sum(math.log(figure.off_by) ** 2 for figure in figures)))
    return Estimate(expected / off, expected, expected * off)
