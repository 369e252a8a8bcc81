"""Logging and reading metrics. A batch is prepared off the writer's thread and appended in the group commit."""

from collections.abc import Iterator
from typing import NamedTuple

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.metrics import queries
from freehold.domain.runs import queries as run_queries
from freehold.domain.runs.rules import check_key
from freehold.kit.problems import Conflict, NotFound
from freehold.storage.metrics import (
    PACKED_FROM,
    MetricColumns,
    Point,
    columns_of,
    decode_segment,
    encode_points,
    encode_segment,
)
from freehold.storage.transaction import Transaction

Latest = dict[str, tuple[int, int, float]]
"""key → (step, time, value) of the newest point."""


class MetricBatch(NamedTuple):
    """Points of one request. `payload` is the finished segment; None where they are few and may be joined."""

    points: list[Point]
    """Empty where the payload is finished."""
    size: int
    payload: bytes | None
    latest: Latest


def prepare(points: list[Point]) -> MetricBatch:
    """Check and encode. Raises Invalid for a key that is too long."""
    if len(points) >= PACKED_FROM:
        return prepare_columns(columns_of(points))
    latest = latest_of(points)
    for key in latest:
        check_key("metric", key)
    return MetricBatch(points, len(points), None, latest)


def prepare_columns(columns: MetricColumns) -> MetricBatch:
    """As `prepare`, for many points: nothing is made per point, which is what large batches cost."""
    for key in columns.keys:
        check_key("metric", key)
    return MetricBatch([], len(columns.step), encode_segment(columns), _latest_of_columns(columns))


def latest_of(points: list[Point]) -> Latest:
    latest: Latest = {}
    for key, step, at, value in points:
        old = latest.get(key)
        if old is None or (step, at) > old[:2] or ((step, at) == old[:2] and not value < old[2]):
            latest[key] = (step, at, value)
    return latest


def _latest_of_columns(columns: MetricColumns) -> Latest:
    import numpy as np

    lowest_if_nan = np.where(np.isnan(columns.value), -np.inf, columns.value)
    order = np.lexsort((lowest_if_nan, columns.at, columns.step, columns.key_index))
    sorted_index = columns.key_index[order]
    last_of_key = np.append(sorted_index[1:] != sorted_index[:-1], True)
    newest = order[last_of_key]
    chosen = (column[newest].tolist() for column in (columns.key_index, columns.step, columns.at, columns.value))
    return {columns.keys[key]: (step, at, value) for key, step, at, value in zip(*chosen, strict=True)}


RunKey = tuple[int, str]
"""workspace_id and run_id."""


class MetricStream:
    """The append stream of metrics: small batches of one run that wait together become one segment.

    Raises NotFound, or Conflict when the run is set aside as deleted.
    """

    def apply(self, db: Transaction, batches: dict[RunKey, list[MetricBatch]]) -> None:
        standing = run_queries.find_all_writable(db, list(batches))
        segments: list[queries.NewSegment] = []
        newest: list[queries.NewestValue] = []
        for key, payloads in batches.items():
            workspace_id, run_row = key[0], _writable(standing.get(key))
            segments.extend(_segments(workspace_id, run_row, payloads))
            newest.extend(_newest(workspace_id, run_row, payloads))
        queries.add_segments(db, segments)
        queries.put_latest(db, newest)


METRICS = MetricStream()


def log_metrics(db: Transaction, workspace: WorkspaceRef, run_id: str, points: list[Point]) -> None:
    """As the stream, inside a transaction that does more than logging metrics."""
    if points:
        add_batch(db, workspace, run_id, prepare(points))


def add_batch(db: Transaction, workspace: WorkspaceRef, run_id: str, batch: MetricBatch) -> None:
    METRICS.apply(db, {(workspace.workspace_id, run_id): [batch]})


def _segments(workspace_id: int, run_row: int, payloads: list[MetricBatch]) -> Iterator[queries.NewSegment]:
    small = [point for batch in payloads if batch.payload is None for point in batch.points]
    if small:
        yield queries.NewSegment(workspace_id, run_row, len(small), encode_points(small))
    for batch in payloads:
        if batch.payload is not None:
            yield queries.NewSegment(workspace_id, run_row, batch.size, batch.payload)


def _newest(workspace_id: int, run_row: int, payloads: list[MetricBatch]) -> Iterator[queries.NewestValue]:
    latest = payloads[0].latest if len(payloads) == 1 else _merged(payloads)
    for key, (step, at, value) in latest.items():
        yield queries.NewestValue(workspace_id, run_row, key, value if value == value else None, step, at)


class History(NamedTuple):
    """Points of one metric in order of arrival, as columns."""

    step: list[int]
    at: list[int]
    value: list[float]


def read_history(db: Transaction, workspace: WorkspaceRef, run_row: int, key: str) -> History:
    import numpy as np

    steps, times, values = [], [], []
    for payload in queries.payloads_of(db, workspace.workspace_id, run_row):
        columns = decode_segment(payload)
        if key not in columns.keys:
            continue
        if len(columns.keys) == 1:
            chosen: slice | np.ndarray[tuple[int], np.dtype[np.bool_]] = slice(None)
        else:
            chosen = columns.key_index == columns.keys.index(key)
        steps.append(columns.step[chosen])
        times.append(columns.at[chosen])
        values.append(columns.value[chosen])
    if not steps:
        return History([], [], [])
    return History(*(np.concatenate(part).tolist() for part in (steps, times, values)))


def read_all(db: Transaction, workspace: WorkspaceRef, run_row: int) -> list[MetricColumns]:
    """Every point of the run, as decoded segments in order of arrival."""
    return [decode_segment(payload) for payload in queries.payloads_of(db, workspace.workspace_id, run_row)]


def _merged(payloads: list[MetricBatch]) -> Latest:
    return latest_of([Point(key, *newest) for batch in payloads for key, newest in batch.latest.items()])


def _writable(found: tuple[int, int | None] | None) -> int:
    if found is None:
        raise NotFound("RunNotFound", "There is no run with this id in the workspace.")
    if found[1] is not None:
        raise Conflict("RunDeleted", "This run is deleted. Restore it before you write to it.")
    return found[0]
