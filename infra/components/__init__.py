"""The parts of a stack, as Pulumi components."""
