"""Which zone each node stands in, and what a tier that votes does when one is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from socle.topology.model import Promotion

WITNESS = 3  # failure domains in which a vote survives the loss of any one


def placed(offered: Sequence[str], promised: int, votes: bool) -> Sequence[str]:
    """The zones that a tier's nodes take turns in. `promised`: how many the stack stands in.

    A tier that votes takes a third zone for its witness as soon as more than one is promised and the cloud has it.
    """
    return offered[: WITNESS if votes and promised > 1 else promised]


def promotion(zones: Sequence[str]) -> Promotion:
    """`zones`: of each node of a tier that votes. Who names the new leader when a zone (where all nodes are in one: a
    node) is lost: the majority that is left, or somebody by hand."""
    together = Counter(zones)
    lost = max(together.values(), default=0) if len(together) > 1 else min(1, len(zones))
    return "automatic" if 2 * (len(zones) - lost) > len(zones) else "by-hand"
