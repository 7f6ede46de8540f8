"""Rules, outcomes, findings, waivers and the gate. Imports nothing: reading a verdict must not load the models."""
