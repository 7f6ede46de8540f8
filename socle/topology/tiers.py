"""The table of tiers. Adding a tier is one entry here, its flows in the matrix, and its role in playbooks/.

How many nodes of what size is the sizing model's to say; `socle/topology/sizing` knows more tiers than are deployed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["minimal", "intermediary", "enhanced"]


@dataclass(frozen=True)
class TierKind:
    """One line of the table. `subnet`: which /24 of the stack's block. `sized_as`: its name in the sizing model, where
    it is another. `most`: nodes that its role can run, where that is fewer than the model asks for."""

    subnet: int
    title: str
    public: bool
    level: Level
    sized_as: str = ""
    most: int | None = None
    mount: str = ""
    carries_calls: bool = False


TIERS: dict[str, TierKind] = {
    # ssh goes from the bastion to the other tiers, so a second one could not be configured
    "bastion": TierKind(0, "Administration bastion", True, "enhanced", most=1),
    "edge": TierKind(1, "TLS and signalling front", True, "intermediary"),
    "media": TierKind(2, "LiveKit media servers", True, "intermediary", carries_calls=True),
    "turn": TierKind(3, "coturn relays", True, "intermediary", carries_calls=True),
    # one Valkey, until its role knows Sentinel
    "data": TierKind(4, "Valkey, LiveKit's bus", False, "enhanced", sized_as="bus", most=1, mount="/var/lib/valkey"),
}
