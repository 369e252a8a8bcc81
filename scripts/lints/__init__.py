"""Freehold's own lints. Each names the fault it prevents and the comment that lets a line through.

A lint reads one parsed file and yields faults. A line that must break a rule says so itself, on the line or
on a comment line right above it, with a reason: `# allow-clock: because …`.
"""
