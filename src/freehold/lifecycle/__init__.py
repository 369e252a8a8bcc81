"""Leaving and forgetting: plan, export, bag, erase, proof. Derived from the catalogue; names no table."""
