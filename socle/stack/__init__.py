"""The stack file: what a ministry asks for."""

from socle.stack.load import load_stack
from socle.stack.model import Stack

__all__ = ["Stack", "load_stack"]
