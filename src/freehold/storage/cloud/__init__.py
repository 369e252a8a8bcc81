"""Freehold's own objects in a cloud's store: where it is, how it is opened, and what it keeps of what was removed."""
