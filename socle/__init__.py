"""Deploys Visio per ministry on OpenStack, and proves that it is sovereign and hardened."""

__version__ = "0.1.0"
