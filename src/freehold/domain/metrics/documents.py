"""Metrics as documents: a name with typed columns and rows of values, as Azure's clients log and read them.

Numbers are points of the metric store, where MLflow sees them too. What is no number (text, lists with text, tables,
references to images) is kept as it was written, one row per document, in order of arrival.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.metrics import queries
from freehold.domain.metrics.service import History, log_metrics, read_history
from freehold.domain.runs.rules import check_key
from freehold.domain.runs.service import open_run
from freehold.kit.numbers import whole_number
from freehold.storage.metrics import Point
from freehold.storage.transaction import Transaction

SCALAR = "azureml.v1.scalar"
NUMBER, TEXT = "double", "string"
NUMBER_TYPES = frozenset({"double", "float", "int", "long", "integer"})
POINTS_AT_ONCE = 10_000
"""Values of one scalar in one document: more make several, each with an id of its own."""
LONGEST_PART = 9
EXACT = 1 << 53
"""Whole numbers beyond it are no doubles, and are kept as they were written."""


class Value(NamedTuple):
    """`at` microseconds UTC; `step` None: the client gave none."""

    at: int
    step: int | None
    data: dict[str, Any]


class MetricDocument(NamedTuple):
    """`columns`: name → type. `extras`: label, description, dataLocation, where a client wrote them."""

    metric_id: str
    name: str
    metric_type: str
    created_at: int
    columns: dict[str, str]
    values: list[Value]
    extras: dict[str, Any]


class Window(NamedTuple):
    """Of the values from `start` to `end` (microseconds UTC, inclusive), `limit` of them after `first`."""

    start: int | None
    end: int | None
    first: int
    limit: int

    @property
    def last(self) -> int:
        return self.first + self.limit

    def covers(self, at: int) -> bool:
        return (self.start is None or at >= self.start) and (self.end is None or at <= self.end)


class Logged(NamedTuple):
    """What one request logs."""

    points: list[Point]
    documents: list[MetricDocument]


def is_number(value: Any) -> bool:
    """Whether a scalar's value goes to the metric store."""
    return isinstance(value, float) or (isinstance(value, int) and not isinstance(value, bool) and abs(value) <= EXACT)


def log_documents(db: Transaction, workspace: WorkspaceRef, run_id: str, logged: Logged) -> None:
    """A document whose id stands already is a retry and is not logged twice. Raises NotFound, Conflict, Invalid."""
    run_row = open_run(db, workspace, run_id)
    log_metrics(db, workspace, run_id, logged.points)
    for each in logged.documents:
        check_key("metric", each.name)
        standing = queries.find_structured(db, workspace.workspace_id, each.metric_id)
        if standing is None or standing.run_row != run_row:
            values = [[value.at, value.step, value.data] for value in each.values]
            row = {
                "metric_id": each.metric_id if standing is None else db.new_id(),
                "name": each.name,
                "metric_type": each.metric_type,
                "document": {"columns": each.columns, "values": values, "extras": each.extras},
                "created_at": each.created_at,
            }
            queries.add_structured(db, workspace.workspace_id, run_row, row)


def list_columns(db: Transaction, workspace: WorkspaceRef, run_row: int) -> dict[str, dict[str, str]]:
    """Every metric of the run by name, with its columns."""
    latest = queries.latest_of(db, workspace.workspace_id, [run_row])[run_row]
    columns: dict[str, dict[str, str]] = {row.key: {row.key: NUMBER} for row in latest}
    for row in queries.structured_of(db, workspace.workspace_id, run_row):
        columns.setdefault(row.name, {}).update(_columns(row))
    return columns


def read_metric(
    db: Transaction, workspace: WorkspaceRef, run_row: int, name: str, window: Window
) -> tuple[MetricDocument, bool] | None:
    """A metric with its values in the window, in order of arrival, and whether more follow; None if never logged.

    Documents of another type than the first are left out.
    """
    structured = [
        _document(row) for row in queries.structured_of(db, workspace.workspace_id, run_row) if row.name == name
    ]
    history = read_history(db, workspace, run_row, name)
    if structured:
        whole = _merged(structured, name, _values(name, history, range(len(history.at))))
        chosen = [value for value in whole.values if window.covers(value.at)]
        return whole._replace(values=chosen[window.first : window.last]), len(chosen) > window.last
    if not history.at:
        return None
    places = [place for place, at in enumerate(history.at) if window.covers(at)]
    values = _values(name, history, places[window.first : window.last])
    return MetricDocument("", name, SCALAR, history.at[0], {name: NUMBER}, values, {}), len(places) > window.last


def walk_documents(
    db: Transaction, workspace: WorkspaceRef, run_row: int, run_id: str
) -> Iterator[Callable[[], MetricDocument]]:
    """Every document of the run, by name and then in order of arrival; each is built when it is called for."""
    kept: dict[str, list[sa.Row[Any]]] = {}
    for row in queries.structured_of(db, workspace.workspace_id, run_row):
        kept.setdefault(row.name, []).append(row)
    numbers = {row.key for row in queries.latest_of(db, workspace.workspace_id, [run_row])[run_row]}
    for name in sorted(numbers | kept.keys()):
        yield from (partial(_document, row) for row in kept.get(name, []))
        if name in numbers:
            history = read_history(db, workspace, run_row, name)
            parts = range(-(-len(history.at) // POINTS_AT_ONCE))
            yield from (partial(_scalar, run_id, name, history, part) for part in parts)


def scalar_place(metric_id: str) -> tuple[str, str, int] | None:
    """(run id, name, part) of a scalar's id; None when it is an id of another kind."""
    run_id, _, rest = metric_id.partition("~")
    encoded, _, text = rest.partition("~")
    part = whole_number(text, most_digits=LONGEST_PART)
    if part is None:
        return None
    try:
        name = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return run_id, name, part


def read_scalar(
    db: Transaction, workspace: WorkspaceRef, run_row: int, place: tuple[str, str, int]
) -> MetricDocument | None:
    run_id, name, part = place
    history = read_history(db, workspace, run_row, name)
    return _scalar(run_id, name, history, part) if part * POINTS_AT_ONCE < len(history.at) else None


def find_document(db: Transaction, workspace: WorkspaceRef, metric_id: str) -> tuple[int, MetricDocument] | None:
    """A kept document by its id, with the row of its run."""
    row = queries.find_structured(db, workspace.workspace_id, metric_id)
    return (row.run_row, _document(row)) if row else None


def _merged(alike: list[MetricDocument], name: str, points: list[Value]) -> MetricDocument:
    kind = alike[0].metric_type
    alike = [each for each in alike if each.metric_type == kind]
    values = [value for each in alike for value in each.values]
    columns = {column: type_ for each in alike for column, type_ in each.columns.items()}
    if kind == SCALAR and points:
        values = sorted([*values, *points], key=lambda value: value.at)
        columns |= {name: columns.get(name, NUMBER)}
    return _widened(alike[0]._replace(values=values, columns=columns))


def _values(name: str, history: History, places: Iterable[int]) -> list[Value]:
    """Steps are told only where one was ever given: a client's none is a zero here."""
    has_steps = any(history.step)
    return [Value(history.at[at], history.step[at] if has_steps else None, {name: history.value[at]}) for at in places]


def _widened(document: MetricDocument) -> MetricDocument:
    """Every row with every column, and a column with anything but numbers as one of text.

    Clients make a float of each value in a column of numbers, and refuse a row that lacks a column.
    """
    columns = document.columns
    values = [value._replace(data={name: value.data.get(name) for name in columns}) for value in document.values]
    mixed = {name for name in columns for value in values if not isinstance(value.data[name], int | float)}
    types = {name: TEXT if name in mixed and type_ in NUMBER_TYPES else type_ for name, type_ in columns.items()}
    return document._replace(columns=types, values=values)


def _scalar(run_id: str, name: str, history: History, part: int) -> MetricDocument:
    encoded = base64.urlsafe_b64encode(name.encode()).rstrip(b"=").decode("ascii")
    first = part * POINTS_AT_ONCE
    values = _values(name, history, range(first, min(first + POINTS_AT_ONCE, len(history.at))))
    return MetricDocument(f"{run_id}~{encoded}~{part}", name, SCALAR, values[0].at, {name: NUMBER}, values, {})


def _document(row: sa.Row[Any]) -> MetricDocument:
    stored = row.document
    values = [Value(*value) for value in stored["values"]]
    return MetricDocument(
        row.metric_id, row.name, row.metric_type, row.created_at, _columns(row), values, stored["extras"]
    )


def _columns(row: sa.Row[Any]) -> dict[str, str]:
    """One that is called as a secret is has left its type, and its values, at the server that a bag came from."""
    return {name: type_ or TEXT for name, type_ in row.document["columns"].items()}
