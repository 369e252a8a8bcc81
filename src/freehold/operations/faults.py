"""Planted deaths, for tests: FREEHOLD_FAULT="kind:step" kills this process where it hurts most.

"kind:step" and "kind:step:after" die right after the step's commit, "kind:step:before" before its work, and
"kind:step:inside" in its transaction, after its effect. Nothing is flushed and nobody is told, as with kill -9.
"""

import os

VARIABLE = "FREEHOLD_FAULT"
MOMENTS = ("before", "inside", "after")
EXIT_CODE = 137


def die_if_planted(kind: str, step: str, moment: str) -> None:
    planted = os.environ.get(VARIABLE)
    if planted and planted in (
        f"{kind}:{step}:{moment}",
        f"{kind}:{step}" if moment == "after" else "",
    ):
        os._exit(EXIT_CODE)
