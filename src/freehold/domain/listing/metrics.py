"""Metrics of an experiment's runs as one list, in the order of the runs, each run's by name."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.listing import queries
from freehold.domain.listing.grammar import AllOf, AnyOf, Comparison, Condition, read_filter
from freehold.domain.metrics.documents import (
    MetricDocument,
    find_document,
    read_scalar,
    scalar_place,
    walk_documents,
)
from freehold.domain.runs import queries as run_queries
from freehold.domain.runs import service as runs
from freehold.kit.clock import from_iso
from freehold.kit.problems import Invalid, NotFound
from freehold.storage.transaction import Transaction

RUNS_AT_ONCE = 50
MOST_VALUES = 100_000
"""A page ends once its metrics have this many values together."""
_FIELDS = ("runid", "name", "metrictype", "metricid", "createdutc")


class RunMetric(NamedTuple):
    run_id: str
    data_container_id: str
    document: MetricDocument


class FoundMetrics(NamedTuple):
    """`next_place`: the last run that is done with, and how many metrics of the run after it are."""

    metrics: list[RunMetric]
    next_place: list[Any] | None


def list_metrics(
    db: Transaction,
    workspace: WorkspaceRef,
    experiment_row: int | None,
    filter_: str | None,
    *,
    limit: int,
    after: Sequence[Any] | None,
) -> FoundMetrics:
    """`experiment_row` None: of all runs. Raises Invalid for a filter on other fields than RunId, Name, MetricType,
    MetricId and CreatedUtc.
    """
    condition = read_filter(filter_)
    if condition is not None:
        _check(condition)
    done_run, skipped = (after[0], after[1]) if after else (0, 0)
    found: list[RunMetric] = []
    values = 0
    for row in _runs(db, workspace, experiment_row, condition, done_run):
        documents = walk_documents(db, workspace, row.row_id, row.run_id)
        for position, build in enumerate(islice(documents, skipped, None), start=skipped):
            if len(found) == limit or values >= MOST_VALUES:
                return FoundMetrics(found, [done_run, position])
            document = build()
            if condition is None or _holds(condition, row.run_id, document):
                found.append(RunMetric(row.run_id, row.data_container_id, document))
                values += len(document.values)
        done_run, skipped = row.row_id, 0
    return FoundMetrics(found, None)


def get_metric(db: Transaction, workspace: WorkspaceRef, experiment_id: str | None, metric_id: str) -> RunMetric:
    """`experiment_id` None: of whatever experiment. Raises NotFound, also for a metric of another experiment."""
    found = _find_metric(db, workspace, metric_id)
    if found is None or experiment_id not in (None, found[0]):
        raise NotFound("MetricNotFound", "There is no metric with this id here.")
    return found[1]


def _find_metric(db: Transaction, workspace: WorkspaceRef, metric_id: str) -> tuple[str, RunMetric] | None:
    place = scalar_place(metric_id)
    if place is not None:
        run = runs.find_run(db, workspace, place[0])
        if run is None or run.deleted_at is not None:
            return None
        document = read_scalar(db, workspace, run.row_id, place)
        return (run.experiment_id, RunMetric(run.run_id, run.data_container_id, document)) if document else None
    kept = find_document(db, workspace, metric_id)
    row = run_queries.find_by_row(db, workspace.workspace_id, kept[0]) if kept else None
    if kept is None or row is None:
        return None
    return row.experiment_id, RunMetric(row.run_id, row.data_container_id, kept[1])


def _runs(
    db: Transaction, workspace: WorkspaceRef, experiment_row: int | None, condition: Condition | None, after: int
) -> Iterator[Any]:
    """Rows of the runs that the filter may mean, in the order they were made."""
    ids = _run_ids(condition) if condition is not None else None
    named = AnyOf(tuple(Comparison("runid", None, "eq", each) for each in ids)) if ids is not None else None
    place: list[Any] | None = [after]
    while place is not None:
        page = queries.list_runs(
            db,
            workspace.workspace_id,
            named,
            (),
            scope=queries.in_experiment(experiment_row) if experiment_row is not None else None,
            limit=RUNS_AT_ONCE,
            after=place,
        )
        yield from page.rows
        place = page.next_place


def _run_ids(condition: Condition) -> list[str] | None:
    """The runs that a filter can only mean; None when it says nothing of runs."""
    if isinstance(condition, Comparison):
        is_id = condition.name == "runid" and condition.operator == "eq"
        return [condition.value or ""] if is_id else None
    parts = [_run_ids(part) for part in condition.parts]
    if isinstance(condition, AllOf):
        return next((part for part in parts if part is not None), None)
    together = [run_id for part in parts if part is not None for run_id in part]
    return together if None not in parts else None


def _check(condition: Condition) -> None:
    if not isinstance(condition, Comparison):
        for part in condition.parts:
            _check(part)
        return
    if condition.key is not None or condition.name not in _FIELDS:
        message = f"There is no field {condition.name[:60]!r} here. The fields are: {', '.join(_FIELDS)}."
        raise Invalid("InvalidFilter", message, target="filter")
    if condition.name == "createdutc":
        _moment(condition.value)


def _holds(condition: Condition, run_id: str, document: MetricDocument) -> bool:
    if isinstance(condition, AllOf):
        return all(_holds(part, run_id, document) for part in condition.parts)
    if isinstance(condition, AnyOf):
        return any(_holds(part, run_id, document) for part in condition.parts)
    if condition.name == "createdutc":
        return _compare(document.created_at, condition.operator, _moment(condition.value))
    values = {
        "runid": run_id,
        "name": document.name,
        "metrictype": document.metric_type,
        "metricid": document.metric_id,
    }
    return _compare(values[condition.name], condition.operator, condition.value or "")


def _compare(value: Any, operator: str, other: Any) -> bool:
    if operator == "eq":
        return bool(value == other)
    if operator == "ne":
        return bool(value != other)
    if operator in {"gt", "ge"}:
        return bool(value > other or (operator == "ge" and value == other))
    return bool(value < other or (operator == "le" and value == other))


def _moment(text: str | None) -> int:
    try:
        return from_iso((text or "").replace("Z", "+00:00"))
    except ValueError:
        message = "CreatedUtc is compared with a time such as 2026-01-31T10:00:00Z."
        raise Invalid("InvalidFilter", message, target="filter") from None
