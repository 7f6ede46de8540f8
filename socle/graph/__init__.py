"""The typed resource graph: captured from the cloud program, or previewed by the engine."""

from socle.graph.model import SECRET, UNKNOWN, Graph, Ref, Resource

__all__ = ["SECRET", "UNKNOWN", "Graph", "Ref", "Resource"]
