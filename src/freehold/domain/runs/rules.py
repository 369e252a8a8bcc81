"""What a run may be and hold. Pure decisions."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from freehold.kit.problems import Conflict, Invalid

# Azure's words are stored; MLflow's five map onto them (api/mlflow).
STATUSES = frozenset(
    [
        "NotStarted",
        "Queued",
        "Preparing",
        "Provisioning",
        "Starting",
        "Running",
        "Finalizing",
        "CancelRequested",
        "Canceled",
        "Completed",
        "Failed",
        "Unapproved",
        "NotResponding",
        "Pausing",
        "Paused",
    ]
)
ENDED = frozenset({"Canceled", "Completed", "Failed"})
_RUN_ID = re.compile(r"[A-Za-z0-9_\-]{1,255}")
NAME_TAG = "mlflow.runName"
"""MLflow's copy of a run's name; it is kept as the name itself."""
LONGEST_NAME = 500
LONGEST_KEY = 250
LONGEST_PARAMETER = 6_000
LONGEST_TAG = 8_000
MOST_WARNINGS = 100
LARGEST_WARNINGS = 1 << 20
LARGEST_DETAILS = 1 << 22
"""Bytes as JSON: an import takes no longer text, and what one server holds another must be able to."""


def check_run_id(run_id: str) -> None:
    if not _RUN_ID.fullmatch(run_id):
        message = "A run's id has 1 to 255 letters, digits, '-' or '_'."
        raise Invalid("InvalidRunId", message, target="runId")


ENDS = frozenset({"Completed", "Failed", "Canceled"})
"""Statuses that whoever made the run is told of."""


def check_status(status: str) -> None:
    if status not in STATUSES:
        raise Invalid("InvalidStatus", f"A run's status is one of {', '.join(sorted(STATUSES))}.", target="status")


def check_name(name: str) -> None:
    if len(name) > LONGEST_NAME:
        raise Invalid("InvalidName", f"A run's name may have at most {LONGEST_NAME} characters.", target="name")


def check_details(details: Mapping[str, Any]) -> None:
    """One request brings no more than a body has; what several leave here adds up."""
    if len(msgspec.json.encode(details)) > LARGEST_DETAILS:
        message = (
            f"What a run keeps of its definition, its data sets and its errors has at most {LARGEST_DETAILS} bytes "
            "together. Log what is larger as an artifact."
        )
        raise Invalid("DetailsTooLarge", message, target="details")


def latest_warnings(warnings: Sequence[Any]) -> list[Any]:
    """Those that a run goes on to show; its events tell all of them."""
    kept: list[Any] = []
    size = 0
    for warning in reversed(warnings[-MOST_WARNINGS:]):
        size += len(msgspec.json.encode(warning))
        if kept and size > LARGEST_WARNINGS:
            break
        kept.append(warning)
    return kept[::-1]


def check_map(kind: str, entries: dict[str, str], longest: int) -> None:
    for key, value in entries.items():
        check_key(kind, key)
        if len(value) > longest:
            message = f"The {kind} {key[:40]!r} has {len(value)} characters; at most {longest} fit."
            raise Invalid(f"Invalid{kind.title()}", message, target=kind)


def check_key(kind: str, key: str) -> None:
    if not key or len(key) > LONGEST_KEY:
        message = f"A {kind}'s key has 1 to {LONGEST_KEY} characters; this has {len(key)}."
        raise Invalid(f"Invalid{kind.title()}", message, target=kind)


def check_same_parameter(key: str, old: str, new: str) -> None:
    if old != new:
        message = f"The parameter {key[:40]!r} was logged before with another value. Parameters do not change."
        raise Conflict("ParameterChanged", message, target="params")
