"""Leaving and forgetting: export, erasure, proof. Derived from the catalogue; names no table."""
