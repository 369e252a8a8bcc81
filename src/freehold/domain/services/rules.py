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
