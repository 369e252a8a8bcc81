"""Freehold: a self-hosted machine-learning workspace that its users own outright."""

__version__ = "0.1.0"
