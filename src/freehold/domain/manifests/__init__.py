"""Manifests: what goes into an image."""
