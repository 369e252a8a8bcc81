"""The life of an image. Freehold builds none: its state moves by reports of who does."""

from freehold.kit.problems import Conflict, Invalid

NOT_STARTED, RUNNING, SUCCEEDED = "NotStarted", "Running", "Succeeded"
FAILED, CANCELLED, TIMED_OUT = "Failed", "Cancelled", "TimedOut"
_ENDED = frozenset({SUCCEEDED, FAILED, CANCELLED, TIMED_OUT})
MOVES: dict[str, frozenset[str]] = {
    NOT_STARTED: frozenset({RUNNING}) | _ENDED,
    RUNNING: _ENDED,
    SUCCEEDED: frozenset({RUNNING}),
    FAILED: frozenset({RUNNING}),
    CANCELLED: frozenset({RUNNING}),
    TIMED_OUT: frozenset({RUNNING}),
}
"""From an end only a new build leads on."""


def check_move(old: str, new: str) -> None:
    """Raises Invalid for an unknown state, Conflict for a move that the life of an image does not have."""
    if new not in MOVES:
        raise Invalid("InvalidState", f"An image is {', '.join(MOVES)}.", target="state")
    if new != old and new not in MOVES[old]:
        possible = ", ".join(sorted(MOVES[old]))
        raise Conflict("InvalidStateChange", f"From {old} an image moves to {possible}, not to {new}.")
