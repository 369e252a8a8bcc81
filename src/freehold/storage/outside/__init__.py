"""Stores outside that datastores point to: opened with what their documents say, only where the owner allows it."""
