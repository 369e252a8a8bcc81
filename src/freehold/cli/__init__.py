"""Commands: over the client where a server answers, over the composition root where none does."""
