"""The types of computes and the life of one. Freehold runs none: a state moves by reports of who does."""

from freehold.kit.problems import Conflict, Invalid

UNKNOWN, CREATING, UPDATING, DELETING = "Unknown", "Creating", "Updating", "Deleting"
SUCCEEDED, FAILED, CANCELED = "Succeeded", "Failed", "Canceled"
_MOVING = frozenset({CREATING, UPDATING, DELETING, UNKNOWN})
_ENDS = frozenset({SUCCEEDED, FAILED, CANCELED})
MOVES: dict[str, frozenset[str]] = {
    UNKNOWN: _MOVING | _ENDS,
    CREATING: _ENDS | {UNKNOWN, DELETING},
    UPDATING: _ENDS | {UNKNOWN, DELETING},
    DELETING: frozenset({SUCCEEDED, FAILED, UNKNOWN}),
    SUCCEEDED: frozenset({UPDATING, DELETING, UNKNOWN, FAILED}),
    FAILED: frozenset({CREATING, UPDATING, DELETING, UNKNOWN}),
    CANCELED: frozenset({CREATING, UPDATING, DELETING, UNKNOWN}),
}
"""What has failed is made or updated anew before it can be well. Source of the names: calls 12 and 13."""
TYPES = (
    "AKS",
    "AmlCompute",
    "BatchAI",
    "ComputeInstance",
    "DataFactory",
    "Databricks",
    "DataLakeAnalytics",
    "HDInsight",
    "Kubernetes",
    "SynapseSpark",
    "VirtualMachine",
)
LONGEST_NAME = 64
MOST_NODES = 1_000


def check_move(old: str, new: str) -> None:
    """Raises Invalid for an unknown state, Conflict for a move that the life of a compute does not have."""
    if new not in MOVES:
        raise Invalid("InvalidState", f"A compute is {', '.join(MOVES)}.", target="state")
    if new != old and new not in MOVES[old]:
        possible = ", ".join(sorted(MOVES[old]))
        raise Conflict("InvalidStateChange", f"From {old} a compute moves to {possible}, not to {new}.")


def check_type(name: str) -> str:
    """As it is spelt. Raises Invalid."""
    known = {each.casefold(): each for each in TYPES}.get(name.casefold())
    if known is None:
        raise Invalid("InvalidComputeType", f"computeType is one of {', '.join(TYPES)}.", target="computeType")
    return known
