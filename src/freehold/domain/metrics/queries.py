"""Rows of segments, chunks and latest values."""

from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from freehold.operations.queries import living_ids
from freehold.records.lifecycle import ExportLease
from freehold.records.metrics import LatestMetric, MetricChunk, MetricSegment, StructuredMetric
from freehold.records.runs import Run
from freehold.storage.portable import PreparedRows, among, as_hex, checked, gathered, numbered
from freehold.storage.transaction import Transaction

_s, _k, _l = MetricSegment.c, MetricChunk.c, LatestMetric.c
_SEGMENT = ("workspace_id", "run_row", "count", "payload")


class NewSegment(NamedTuple):
    workspace_id: int
    run_row: int
    points: int
    payload: bytes


class NewestValue(NamedTuple):
    """`value` None is NaN (records.columns.Double). At most one for each run and key of a call."""

    workspace_id: int
    run_row: int
    key: str
    value: float | None
    step: int
    logged_at: int


def _raise_latest(insert: Any, size: int) -> Any:
    """Keeps the greater of two: higher step, then later time, then higher value; NaN (null) is the lowest."""
    new = insert(LatestMetric.table).values(numbered(NewestValue._fields, size))
    old, offered = LatestMetric.table.c, new.excluded
    same_moment = sa.and_(offered.step == old.step, offered.logged_at == old.logged_at)
    is_newer = sa.or_(
        offered.step > old.step,
        sa.and_(offered.step == old.step, offered.logged_at > old.logged_at),
        sa.and_(same_moment, sa.or_(old.value.is_(None), offered.value >= old.value)),
    )
    return new.on_conflict_do_update(
        index_elements=["run_row", "key", "workspace_id"],
        set_={"value": offered.value, "step": offered.step, "logged_at": offered.logged_at},
        where=is_newer,
    )


_add_segments = PreparedRows(
    _SEGMENT,
    lambda insert, size: insert(MetricSegment.table).values(numbered(_SEGMENT, size)),
)
_put_latest = PreparedRows(NewestValue._fields, _raise_latest)


def add_segments(db: Transaction, segments: list[NewSegment]) -> None:
    _add_segments.run(db.connection, segments)


def put_latest(db: Transaction, values: list[NewestValue]) -> None:
    _put_latest.run(db.connection, values)


def latest_of(db: Transaction, workspace_id: int, run_rows: list[int]) -> dict[int, list[sa.Row[Any]]]:
    """Rows (run_row, key, value, step, logged_at) by run, ordered by key."""
    found = (
        sa.select(_l.run_row, _l.key, _l.value, _l.step, _l.logged_at)
        .where(checked(_l.workspace_id) == workspace_id, _l.run_row.in_(run_rows))
        .order_by(_l.run_row, _l.key)
    )
    latest: dict[int, list[sa.Row[Any]]] = {row: [] for row in run_rows}
    for row in db.execute(found):
        latest[row.run_row].append(row)
    return latest


def payloads_of(db: Transaction, workspace_id: int, run_row: int) -> list[bytes]:
    """All living chunks, then segments, of a run: its points in order of arrival."""
    payloads: list[bytes] = []
    for c in (_k, _s):
        found = (
            sa.select(c.payload)
            .where(c.workspace_id == workspace_id, c.run_row == run_row, c.dead_at.is_(None))
            .order_by(c.row_id)
        )
        payloads.extend(db.execute(found).scalars())
    return payloads


# allow-workspace: because a sweep serves all workspaces and learns from it which one a run is in
def crowded_runs(db: Transaction, threshold: int, limit: int) -> list[tuple[int, int]]:
    """(workspace_id, run_row) of runs with at least `threshold` living segments.

    Counted in the index of runs alone: to group the living ones by themselves, the whole table would be read and sorted
    in memory at each sweep. Of the few runs that are left, only so many segments are looked at as make a crowd.
    """
    crowds = sa.select(_s.run_row).group_by(_s.run_row).having(sa.func.count() >= threshold)
    last_of_crowd = sa.select(_s.row_id).where(_s.run_row == Run.c.row_id, _s.dead_at.is_(None))
    found = (
        sa.select(Run.c.workspace_id, Run.c.row_id)
        .where(Run.c.row_id.in_(crowds), last_of_crowd.limit(1).offset(threshold - 1).exists())
        .limit(limit)
    )
    return [(row.workspace_id, row.row_id) for row in db.execute(found)]


def segments_of(
    db: Transaction, workspace_id: int, run_row: int, limit: int, most_bytes: int
) -> list[tuple[int, bytes]]:
    """The oldest living segments, as many as `most_bytes` hold: (row, payload).

    In one value: Python would give the interpreter up at each row, and then wait for it while clients are answered.
    """
    here = sa.and_(_s.workspace_id == workspace_id, _s.run_row == run_row, _s.dead_at.is_(None))
    oldest = sa.select(_s.row_id, _s.payload).where(here).order_by(_s.row_id).limit(limit).subquery()
    so_far = sa.func.sum(sa.func.length(oldest.c.payload)).over(order_by=oldest.c.row_id)
    sized = sa.select(oldest, so_far.label("so_far")).subquery()
    chosen = sa.select(gathered(sized.c.row_id, as_hex(sized.c.payload))).where(sized.c.so_far <= most_bytes)
    rows = msgspec.json.decode(db.execute(chosen).scalar() or "[]", type=list[tuple[int, str]])
    return sorted((row, bytes.fromhex(payload)) for row, payload in rows)


def add_chunk(db: Transaction, workspace_id: int, run_row: int, count: int, payload: bytes) -> None:
    db.execute(
        MetricChunk.table.insert().values(workspace_id=workspace_id, run_row=run_row, count=count, payload=payload)
    )


def retire_segments(db: Transaction, workspace_id: int, rows: list[int], *, keep_until_released: bool) -> int:
    """Remove segments that a chunk replaces, or mark them dead while an export may still read them."""
    named = sa.and_(checked(_s.workspace_id) == workspace_id, among(_s.row_id, rows), _s.dead_at.is_(None))
    if keep_until_released:
        return db.execute(MetricSegment.table.update().where(named).values(dead_at=db.now())).rowcount
    return db.execute(MetricSegment.table.delete().where(named)).rowcount


def remove_dead(db: Transaction, workspace_id: int, limit: int) -> int:
    """So many of the segments that a chunk has replaced, at most; how many."""
    dead = sa.select(_s.row_id).where(_s.workspace_id == workspace_id, _s.dead_at.is_not(None)).limit(limit)
    return db.execute(MetricSegment.table.delete().where(_s.row_id.in_(dead))).rowcount


def is_leased(db: Transaction, workspace_id: int) -> bool:
    """An export reads this workspace, so nothing that its snapshot lists may be removed."""
    lease = ExportLease.c
    found = sa.select(lease.row_id).where(lease.workspace_id == workspace_id, lease.operation_id.in_(living_ids()))
    return db.execute(found).first() is not None


# allow-workspace: because a sweep asks which workspaces have anything to remove
def workspaces_with_dead(db: Transaction) -> list[int]:
    return list(db.execute(sa.select(_s.workspace_id).where(_s.dead_at.is_not(None)).distinct()).scalars())


def add_structured(db: Transaction, workspace_id: int, run_row: int, values: dict[str, Any]) -> None:
    db.execute(StructuredMetric.table.insert().values(values | {"workspace_id": workspace_id, "run_row": run_row}))


def structured_of(db: Transaction, workspace_id: int, run_row: int) -> list[sa.Row[Any]]:
    m = StructuredMetric.c
    return list(
        db.execute(
            sa.select(m.row_id, m.metric_id, m.name, m.metric_type, m.document, m.created_at)
            .where(m.workspace_id == workspace_id, m.run_row == run_row)
            .order_by(m.row_id)
        )
    )


def find_structured(db: Transaction, workspace_id: int, metric_id: str) -> sa.Row[Any] | None:
    m = StructuredMetric.c
    found = sa.select(*StructuredMetric.table.columns).where(m.workspace_id == workspace_id, m.metric_id == metric_id)
    return db.execute(found).first()
