"""Secrets apart from the documents that need them."""
