"""Metrics: packed segments as they arrive, chunks after compaction, the latest value of each for search."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import (
    blob,
    double,
    index_of_set,
    integer,
    json,
    key,
    link,
    moment,
    plain,
    text,
    workspace,
)
from freehold.records.rules import (
    ANY_INTEGER,
    HISTORY,
    KEPT_UNTIL_ERASED,
    Container,
    Decoded,
    LinkKind,
    Removed,
    Rows,
    Rules,
    Writes,
)

_PACKED = Rules(
    Container.WORKSPACE,
    Decoded(HISTORY, into="metric_points", codec="metric_segment"),
    Removed(),
    Writes.APPEND_ONLY,
    KEPT_UNTIL_ERASED,
)
_CONTENT = Rules(Container.WORKSPACE, Rows(HISTORY), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class MetricSegment(Record, table="metric_segments", rules=_PACKED):
    """One request's points (storage/metrics.py), or several small requests' of one run in one group commit.

    `dead_at` is set when a chunk has taken its place while an export still reads it.
    """

    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP, index=True)
    count = integer()
    payload = blob(plain())
    dead_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield index_of_set("dead_at", "workspace_id")


class MetricChunk(Record, table="metric_chunks", rules=_PACKED):
    """Sorted points of one run, taken from many segments."""

    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP, index=True)
    count = integer()
    payload = blob(plain())
    dead_at = moment(null=True)


class LatestMetric(Record, table="latest_metrics", rules=_CONTENT):
    """The newest value of a metric of a run: highest step, then latest time, then highest value."""

    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP)
    key = text(plain())
    value = double()
    step = integer(within=ANY_INTEGER)
    logged_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("run_row", "key", "workspace_id")


class StructuredMetric(Record, table="structured_metrics", rules=_CONTENT):
    """A metric that is no number: a table, a list, a string, an image reference (Azure metric documents)."""

    row_id = key()
    workspace_id = workspace()
    run_row = link("runs", LinkKind.DEEP, index=True)
    metric_id = text(plain())
    name = text(plain())
    metric_type = text(plain())
    document = json(plain())
    created_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "metric_id")
