"""The table of tiers. Adding a tier is one entry here, its flows in the matrix, and its role in playbooks/.

How many nodes of what size is the sizing model's to say, by the same names; a tier that nobody asked for has none.
A tier without a role in playbooks/ is made and hardened, and nothing runs on it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from socle import content

Level = Literal["minimal", "intermediary", "enhanced"]
Public = Literal["", "each", "front"]


@dataclass(frozen=True)
class TierKind:
    """One line of the table.

    subnet         which /24 of the stack's block
    public         users reach each node by an address of its own, or all of them by one in front
    dual           users reach its nodes by IPv6 too, where the stack has a block of it
    inner          on networks with no way to or from the Internet
    quorum         its nodes vote: a majority must survive
    mount          where its volume is mounted
    carries_calls  drained before it is touched
    needed         no stack is one without it; others may be left out, with a written reason
    role           what its nodes are given in playbooks/roles, where it is not called as the tier is
    """

    subnet: int
    title: str
    level: Level = "intermediary"
    public: Public = ""
    dual: bool = False
    inner: bool = False
    quorum: bool = False
    mount: str = "/srv"
    carries_calls: bool = False
    needed: bool = False
    role: str = ""


TRANSIT = 31  # the /24 between the two routers: the last one of a /19
TIERS: dict[str, TierKind] = {
    "bastion": TierKind(0, "Administration bastion", "enhanced", public="each", needed=True),
    "mirror": TierKind(14, "Packages, images, names and time for all", "enhanced", mount="/srv/mirror", needed=True),
    "edge": TierKind(1, "TLS and signalling front", public="front", needed=True),
    "media": TierKind(2, "LiveKit media servers", public="each", carries_calls=True, needed=True),
    "turn": TierKind(3, "coturn relays", public="each", dual=True, carries_calls=True, needed=True),
    "bus": TierKind(
        4,
        "Valkey, LiveKit's bus",
        "enhanced",
        inner=True,
        quorum=True,
        mount="/var/lib/valkey",
        needed=True,
        role="valkey",
    ),
    "application": TierKind(5, "Visio: pages and API"),
    "workers": TierKind(6, "Visio: background jobs", role="application"),
    "database": TierKind(7, "PostgreSQL", "enhanced", inner=True, quorum=True, mount="/var/lib/postgresql"),
    "cache": TierKind(
        8, "Valkey, Visio's cache", "enhanced", inner=True, quorum=True, mount="/var/lib/valkey", role="valkey"
    ),
    "objects": TierKind(9, "Object store, where the cloud has none", "enhanced", inner=True, quorum=True),
    "recording": TierKind(10, "Recorders (LiveKit egress)", carries_calls=True),
    "telephony": TierKind(11, "Phone gateway (LiveKit SIP)", public="each", carries_calls=True),
    "transcription": TierKind(12, "Transcription with speaker separation", inner=True),
    "subtitles": TierKind(13, "Live subtitles"),
    "monitoring": TierKind(15, "Metrics and alerts", "enhanced", inner=True, mount="/var/lib/prometheus"),
    "logs": TierKind(16, "Logs", "enhanced", inner=True, mount="/var/log/collected"),
    "backup": TierKind(17, "Backups", "enhanced", inner=True, mount="/var/backups/repository"),
}


def role_of(tier: str) -> str:
    """The role of a tier's nodes; it may not be there yet."""
    return TIERS[tier].role or tier


def has_role(tier: str) -> bool:
    """Whether playbooks/ has a role for the tier; without one its nodes are hardened and nothing runs on them."""
    return content.has_role(role_of(tier))


def without_role(tiers: Iterable[str]) -> list[str]:
    return [tier for tier in tiers if not has_role(tier)]
