"""Computes: where runs execute. Freehold registers them and runs none."""
