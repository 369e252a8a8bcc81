"""The life of a service. Freehold runs none: its state moves by reports of who does, and by probes."""

from freehold.kit.problems import Conflict, Invalid

TRANSITIONING, HEALTHY, UNHEALTHY = "Transitioning", "Healthy", "Unhealthy"
FAILED, UNSCHEDULABLE = "Failed", "Unschedulable"
MOVES: dict[str, frozenset[str]] = {
    TRANSITIONING: frozenset({HEALTHY, UNHEALTHY, FAILED, UNSCHEDULABLE}),
    HEALTHY: frozenset({TRANSITIONING, UNHEALTHY, FAILED}),
    UNHEALTHY: frozenset({TRANSITIONING, HEALTHY, FAILED}),
    FAILED: frozenset({TRANSITIONING}),
    UNSCHEDULABLE: frozenset({TRANSITIONING, FAILED}),
}
"""What has failed or found no place must be deployed anew before it can be well."""
TELLING = frozenset({UNHEALTHY, FAILED, UNSCHEDULABLE})
"""States that somebody must be told of."""
PROBED = frozenset({TRANSITIONING, HEALTHY, UNHEALTHY})
"""States that a probe may move; the others need somebody to deploy anew."""
COMPUTE_TYPES = ("ACI", "AKS", "AKSENDPOINT", "AMLCOMPUTE", "IOT", "MIR", "CLUSTER", "UNKNOWN")


def check_move(old: str, new: str) -> None:
    """Raises Invalid for an unknown state, Conflict for a move that the life of a service does not have."""
    if new not in MOVES:
        raise Invalid("InvalidState", f"A service is {', '.join(MOVES)}.", target="state")
    if new != old and new not in MOVES[old]:
        possible = ", ".join(sorted(MOVES[old]))
        raise Conflict("InvalidStateChange", f"From {old} a service moves to {possible}, not to {new}.")


def check_compute_type(name: str) -> str:
    known = {each.lower(): each for each in COMPUTE_TYPES}.get(name.lower())
    if known is None:
        raise Invalid("InvalidComputeType", f"computeType is one of {', '.join(COMPUTE_TYPES)}.", target="computeType")
    return known


def is_answered(status: int | None) -> bool:
    """Whether a GET's status says that a service is there. It may want a POST, a key or a body: 405, 401, 400 are well.

    A redirect is not: it is not followed, so nobody knows what is behind it.
    """
    return status is not None and (200 <= status < 300 or (400 <= status < 500 and status not in {404, 410}))
