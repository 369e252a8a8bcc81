"""Planted deaths at the borders of a step (kit/faults.py): the points are `kind:step:moment`.

"before" is before the step's work, "inside" in its transaction, after its effect, and "after" right after its commit.
"""

from freehold.kit.faults import EXIT_CODE, VARIABLE, passing

__all__ = ["EXIT_CODE", "MOMENTS", "VARIABLE", "die_if_planted"]
MOMENTS = ("before", "inside", "after")


def die_if_planted(kind: str, step: str, moment: str) -> None:
    passing(f"{kind}:{step}:{moment}")
