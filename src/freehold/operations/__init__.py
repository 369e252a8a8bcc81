"""Durable long-running work: rows that say what is to be done, and an engine that sees to it that it is done."""
