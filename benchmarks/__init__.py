"""Measured times, as tables with the machine's load: `python -m benchmarks`."""
