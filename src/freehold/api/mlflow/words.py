"""MLflow's words and ours: statuses, stages, views, times, names of entries, clauses."""

import posixpath
import re
from collections.abc import Iterable, Sequence

from freehold.api.mlflow.shapes import Double, Long, TagIn
from freehold.domain.runs.rules import STATUSES
from freehold.kit import clock
from freehold.kit.clauses import Clause, Field, Kind, Operator
from freehold.kit.problems import Invalid

MILLISECOND = 1_000
"""Microseconds, in which times are kept."""
VIEWS: dict[str, bool | None] = {"ACTIVE_ONLY": False, "DELETED_ONLY": True, "ALL": None}
LATEST = clock.LATEST // MILLISECOND
"""The last time that can be printed, in milliseconds."""
_STEPS = 1 << 63

_TO_STORED = {
    "RUNNING": "Running",
    "SCHEDULED": "Queued",
    "FINISHED": "Completed",
    "FAILED": "Failed",
    "KILLED": "Canceled",
}
_TO_MLFLOW = {
    **dict.fromkeys(STATUSES, "RUNNING"),
    **dict.fromkeys(("NotStarted", "Queued", "Preparing", "Provisioning", "Starting"), "SCHEDULED"),
    **dict.fromkeys(("Failed", "Unapproved"), "FAILED"),
    "Completed": "FINISHED",
    "Canceled": "KILLED",
}


def stored_status(word: str) -> str:
    """Raises Invalid for a word that is none of MLflow's five."""
    try:
        return _TO_STORED[word]
    except KeyError:
        raise Invalid("InvalidStatus", f"status is one of {', '.join(_TO_STORED)}.", target="status") from None


def mlflow_status(stored: str) -> str:
    return _TO_MLFLOW[stored]


def stage(is_set_aside: bool) -> str:
    return "deleted" if is_set_aside else "active"


def view(word: str, name: str) -> bool | None:
    """What a view type shows: False the active, True the deleted, None both."""
    try:
        return VIEWS[word]
    except KeyError:
        raise Invalid("InvalidView", f"{name} is one of {', '.join(VIEWS)}.", target=name) from None


def to_microseconds(value: Long, name: str) -> int:
    """From milliseconds. Raises Invalid for what is no time that can be kept."""
    milliseconds = to_int(value, name)
    if not 0 <= milliseconds <= LATEST:
        message = f"{name} is milliseconds since 1970, from 0 to {LATEST}."
        raise Invalid("InvalidTime", message, target=name)
    return milliseconds * MILLISECOND


def to_milliseconds(microseconds: int) -> int:
    return microseconds // MILLISECOND


def to_int(value: Long, name: str) -> int:
    """Raises Invalid for a text that is no int64."""
    try:
        number = int(value)
    except ValueError:
        raise Invalid("InvalidNumber", f"{name} must be an integer.", target=name) from None
    if not -_STEPS <= number < _STEPS:
        raise Invalid("InvalidNumber", f"{name} must fit into 64 bits.", target=name)
    return number


def to_double(value: Double, name: str) -> float:
    """Raises Invalid for a text that spells no number."""
    try:
        return float(value)
    except ValueError:
        message = f'{name} must be a number, "NaN", "Infinity" or "-Infinity".'
        raise Invalid("InvalidNumber", message, target=name) from None


_ENTRY_NAME = re.compile(r"[/\w.\- :]+")


def check_entry_name(name: str, where: str = "key") -> None:
    """What MLflow allows as the key of a metric, parameter or tag: one that could be a relative path."""
    if not _ENTRY_NAME.fullmatch(name):
        message = f"{where}: a name has letters, digits, spaces and _ - . : / only; {name[:40]!r} has other signs."
        raise Invalid("InvalidName", message, target=where)
    if name.startswith(("/", "..")) or name == "." or posixpath.normpath(name) != name:
        message = f"{where}: {name[:40]!r}, read as a path, would name another thing. Choose a name without '..'."
        raise Invalid("InvalidName", message, target=where)


def entries(listed: Iterable[TagIn], where: str) -> dict[str, str]:
    """Tags or parameters as a map; of two alike the last wins. Raises Invalid."""
    found: dict[str, str] = {}
    for each in listed:
        check_entry_name(each.key, where)
        found[each.key] = each.value
    return found


_STATUS = Field(Kind.ATTRIBUTE, "status")


def to_domain(clauses: Sequence[Clause]) -> list[Clause]:
    """Clauses on MLflow's statuses become lists of the statuses that are kept; the others stay."""
    return [_status_clause(clause) if clause.field == _STATUS else clause for clause in clauses]


def _status_clause(clause: Clause) -> Clause:
    wanted = tuple(stored for stored, word in sorted(_TO_MLFLOW.items()) if _holds(word, clause))
    return Clause(_STATUS, Operator.IN, wanted)


def _holds(word: str, clause: Clause) -> bool:
    text = str(clause.value)
    if clause.operator is Operator.EQUAL:
        return word == text
    if clause.operator is Operator.UNEQUAL:
        return word != text
    flags = re.DOTALL | (re.IGNORECASE if clause.operator is Operator.ILIKE else 0)
    pattern = "".join({"%": ".*", "_": "."}.get(sign) or re.escape(sign) for sign in text)
    return re.fullmatch(pattern, word, flags) is not None
