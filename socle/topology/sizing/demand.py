"""What the sizing model is asked: people, rooms, features. It knows no stack file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from socle.errors import InputError
from socle.messages import _
from socle.topology.sizing import figures as f

SHARE = (0.0, 1.0)
BOUNDS: dict[str, tuple[float, float]] = {
    "seats": (2, 100_000_000),
    "peak_in_call": SHARE,
    "growth": SHARE,
    "years": (0, 10),
    "relayed_share": SHARE,
    "recorded_share": SHARE,
    "transcribed_share": SHARE,
    "subtitled_share": SHARE,
    "phone_share": SHARE,
    "availability_zones": (1, 3),
    "retention_days": (1, 3650),
    "log_days": (1, 3650),
    "port": (100, 400_000),
}
LARGEST = 1000  # participants: beyond it no figure says anything about one room


@dataclass(frozen=True)
class Demand:
    """Raises InputError (SOC-1220) for a number outside BOUNDS.

    seats               people who may use the service today
    peak_in_call        share of them in a call at the busiest moment
    largest_room        participants; 150 or the seats, whichever is less, where nothing is said
    average_room        participants; 5 or the largest room, whichever is less, where nothing is said
    growth, years       the seats grow by this share each year, for so many years
    relayed_share       share of the participants who need TURN
    recorded_share      share of the rooms recorded at the busiest moment, where recording is on; the same for
    transcribed_share   transcription and
    subtitled_share     subtitles
    phone_share         share of the participants by phone, where telephony is on
    availability_zones  1, 2 or 3
    lab                 one of each, small: the shape without the size
    retention_days      recordings are kept
    log_days            logs are kept
    port                Mbit/s of a node's network port
    own_objects         the cloud has no object store: the stack has nodes for it
    """

    seats: int
    peak_in_call: float = f.PEAK_IN_CALL.value
    largest_room: int | None = None
    average_room: float | None = None
    growth: float = 0.0
    years: int = 3
    relayed_share: float = f.RELAYED.value
    recording: bool = False
    recorded_share: float = f.RECORDED.value
    transcription: bool = False
    transcribed_share: float = f.TRANSCRIBED.value
    subtitles: bool = False
    subtitled_share: float = f.SUBTITLED.value
    telephony: bool = False
    phone_share: float = f.BY_PHONE.value
    availability_zones: int = 1
    lab: bool = False
    retention_days: int = 365
    log_days: int = 180
    port: int = int(f.PORT.value)
    own_objects: bool = False

    def __post_init__(self) -> None:
        for name, (least, most) in BOUNDS.items():
            _within(name, getattr(self, name), least, most)
        _within("largest_room", self.room, 2, min(LARGEST, self.seats))
        _within("average_room", self.typical_room, 2, self.room)

    @property
    def room(self) -> int:
        """Participants of the largest room."""
        return self.largest_room if self.largest_room is not None else min(int(f.LARGEST_ROOM.value), self.seats)

    @property
    def typical_room(self) -> float:
        """Participants of the average room."""
        return self.average_room if self.average_room is not None else min(f.AVERAGE_ROOM.value, self.room)

    @property
    def people(self) -> int:
        """Seats at the end of the years."""
        return math.ceil(self.seats * (1 + self.growth) ** self.years)

    @property
    def participants(self) -> int:
        """People in a call at the busiest moment; never fewer than fill the largest room."""
        return max(self.room, math.ceil(self.people * self.peak_in_call))


def _within(name: str, found: float, least: float, most: float) -> None:
    if not least <= found <= most:  # a number that is none (NaN) is not within either
        raise InputError(
            "SOC-1220",
            "{name} is outside what the sizing model knows: {found}",
            hint=_("allowed: {least} to {most}").format(least=f"{least:g}", most=f"{most:.10g}"),
            name=name,
            found=f"{found:.10g}",
        )
