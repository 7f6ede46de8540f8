"""From people to nodes: a pure model, documented in docs/sizing.md. It knows no stack file and no cloud."""

from socle.topology.sizing.demand import Demand
from socle.topology.sizing.figures import Estimate
from socle.topology.sizing.model import Sizing, size
from socle.topology.sizing.tiers import TierSize

__all__ = ["Demand", "Estimate", "Sizing", "TierSize", "size"]
