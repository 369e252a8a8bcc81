"""Searches of runs and experiments, from typed clauses to rows. A clause on a map means that the entry stands."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

import sqlalchemy as sa

from freehold.domain.runs.queries import TREE, select_runs
from freehold.domain.runs.rules import NAME_TAG
from freehold.domain.runs.views import USER_TAG
from freehold.kit.clauses import Clause, Field, Kind, Operator, Ordering, Value
from freehold.records.experiments import Experiment, ExperimentTag
from freehold.records.metrics import LatestMetric
from freehold.records.people import MemberAlias
from freehold.records.runs import Run, RunParameter, RunTag
from freehold.storage.portable import matches
from freehold.storage.sorting import (
    SortColumn,
    is_after,
    metric_columns,
    number_columns,
    text_columns,
)
from freehold.storage.transaction import Transaction

_r, _e = Run.c, Experiment.c
MILLISECOND = 1_000

_RUN_COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    "run_id": _r.run_id,
    "run_name": _r.name,
    "status": _r.status,
    "user_id": MemberAlias.c.alias,
    "start_time": _r.started_at,
    "end_time": _r.ended_at,
}
_EXPERIMENT_COLUMNS: dict[str, sa.ColumnElement[Any]] = {
    "name": _e.name,
    "experiment_id": _e.experiment_id,
    "creation_time": _e.created_at,
    "last_update_time": _e.updated_at,
}
_MOMENTS = frozenset({"start_time", "end_time", "creation_time", "last_update_time"})


class Page(NamedTuple):
    """`next_place`: the sort columns of the last row, None where no rows follow."""

    rows: list[sa.Row[Any]]
    next_place: list[Any] | None


def search_runs(
    db: Transaction,
    workspace_id: int,
    experiments: Sequence[sa.Row[Any]],
    clauses: Sequence[Clause],
    orderings: Sequence[Ordering],
    *,
    set_aside: bool | None,
    limit: int,
    after: Sequence[Any] | None,
) -> Page:
    """Standing runs of `experiments` (rows of experiments_of). A run is set aside by itself or with its experiment."""
    query = select_runs(workspace_id).where(_r.experiment_row.in_([row.row_id for row in experiments]))
    if set_aside is not None:
        is_aside = sa.or_(_r.deleted_at.is_not(None), _e.archived_at.is_not(None))
        query = query.where(is_aside if set_aside else ~is_aside)
    query = query.where(*(_run_condition(db, workspace_id, clause) for clause in clauses))
    tree, columns = _run_order(workspace_id, orderings)
    return _page(db, query.select_from(tree), columns, limit, after)


def search_experiments(
    db: Transaction,
    workspace_id: int,
    clauses: Sequence[Clause],
    orderings: Sequence[Ordering],
    *,
    set_aside: bool | None,
    limit: int,
    after: Sequence[Any] | None,
) -> Page:
    """Standing experiments, newest first where nothing else is asked. `set_aside`: archived."""
    query = sa.select(*Experiment.table.columns).where(_e.workspace_id == workspace_id, _e.hidden_at.is_(None))
    if set_aside is not None:
        query = query.where(_e.archived_at.is_not(None) if set_aside else _e.archived_at.is_(None))
    query = query.where(*(_experiment_condition(db, workspace_id, clause) for clause in clauses))
    columns = [
        column for each in orderings for column in _column_order(_EXPERIMENT_COLUMNS, each.field.key, each.descending)
    ]
    columns += [SortColumn(_e.created_at, descending=True), SortColumn(_e.row_id)]
    return _page(db, query, columns, limit, after)


def experiments_of(db: Transaction, workspace_id: int, experiment_ids: Sequence[str]) -> list[sa.Row[Any]]:
    """Standing experiments of these ids, archived ones too; unknown ids are left out."""
    found = sa.select(_e.row_id, _e.experiment_id, _e.archived_at).where(
        _e.workspace_id == workspace_id, _e.experiment_id.in_(experiment_ids), _e.hidden_at.is_(None)
    )
    return list(db.execute(found))


def _page(
    db: Transaction,
    query: sa.Select[Any],
    columns: list[SortColumn],
    limit: int,
    after: Sequence[Any] | None,
) -> Page:
    """`limit` rows beyond `after`, and the place they end at if more follow."""
    if after is not None:
        query = query.where(is_after(columns, after))
    labelled = [column.value.label(f"sort_{at}") for at, column in enumerate(columns)]
    query = query.add_columns(*labelled).order_by(*(column.clause() for column in columns)).limit(limit + 1)
    rows = list(db.execute(query))
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], [getattr(rows[limit - 1], label.name) for label in labelled])


def _run_condition(db: Transaction, workspace_id: int, clause: Clause) -> sa.ColumnElement[bool]:
    kind, key = clause.field
    if kind is Kind.ATTRIBUTE:
        return _compare_attribute(db, _RUN_COLUMNS, clause)
    if (joined := _joined_tag(clause.field)) is not None:
        return _compare(db, joined, clause)
    table: Any = {Kind.METRIC: LatestMetric, Kind.PARAM: RunParameter, Kind.TAG: RunTag}[kind]
    entry = table.table.alias()
    stands = sa.select(entry.c.row_id).where(
        entry.c.workspace_id == workspace_id, entry.c.run_row == _r.row_id, entry.c.key == key
    )
    return _entry_condition(db, stands, entry.c.value, clause)


def _experiment_condition(db: Transaction, workspace_id: int, clause: Clause) -> sa.ColumnElement[bool]:
    if clause.field.kind is Kind.ATTRIBUTE:
        return _compare_attribute(db, _EXPERIMENT_COLUMNS, clause)
    tag = ExperimentTag.table.alias()
    stands = sa.select(tag.c.row_id).where(
        tag.c.workspace_id == workspace_id, tag.c.experiment_row == _e.row_id, tag.c.key == clause.field.key
    )
    return _entry_condition(db, stands, tag.c.value, clause)


def _entry_condition(
    db: Transaction, stands: sa.Select[Any], value: sa.ColumnElement[Any], clause: Clause
) -> sa.ColumnElement[bool]:
    if clause.operator is Operator.IS_NULL:
        return ~stands.exists()
    if clause.operator is Operator.IS_NOT_NULL:
        return stands.exists()
    compared = _compare(db, value, clause)
    if clause.field.kind is Kind.METRIC and clause.operator is Operator.UNEQUAL:
        compared = sa.or_(compared, value.is_(None))  # NaN, stored as null, differs from every number
    return stands.where(compared).exists()


def _compare_attribute(
    db: Transaction, columns: dict[str, sa.ColumnElement[Any]], clause: Clause
) -> sa.ColumnElement[bool]:
    column = columns[clause.field.key]
    if clause.field.key in _MOMENTS:  # asked in milliseconds, as printed
        column = column // sa.literal(MILLISECOND, sa.BigInteger)
    return _compare(db, column, clause)


def _compare(db: Transaction, column: sa.ColumnElement[Any], clause: Clause) -> sa.ColumnElement[bool]:
    operator, value = clause.operator, clause.value
    if operator in (Operator.LIKE, Operator.ILIKE):
        return matches(db.connection, column, cast("str", value), ignoring_case=operator is Operator.ILIKE)
    return _COMPARISONS[operator](column, value)


_COMPARISONS: dict[Operator, Callable[[sa.ColumnElement[Any], Value], sa.ColumnElement[bool]]] = {
    Operator.EQUAL: lambda column, value: column == value,
    Operator.UNEQUAL: lambda column, value: column != value,
    Operator.LESS: lambda column, value: column < value,
    Operator.AT_MOST: lambda column, value: column <= value,
    Operator.GREATER: lambda column, value: column > value,
    Operator.AT_LEAST: lambda column, value: column >= value,
    Operator.IN: lambda column, value: column.in_(cast("tuple[str, ...]", value)),
    Operator.NOT_IN: lambda column, value: column.not_in(cast("tuple[str, ...]", value)),
    Operator.IS_NULL: lambda column, _: column.is_(None),
    Operator.IS_NOT_NULL: lambda column, _: column.is_not(None),
}


def _run_order(workspace_id: int, orderings: Sequence[Ordering]) -> tuple[sa.FromClause, list[SortColumn]]:
    """Asked-for columns, then the start (latest first), then the id: MLflow's order."""
    tree: sa.FromClause = TREE
    columns: list[SortColumn] = []
    for ordering in orderings:
        tree, added = _run_sort(tree, workspace_id, ordering)
        columns += added
    start = sa.func.coalesce(_r.started_at, _r.created_at)
    return tree, [*columns, SortColumn(start, descending=True), SortColumn(_r.run_id)]


def _run_sort(tree: sa.FromClause, workspace_id: int, ordering: Ordering) -> tuple[sa.FromClause, list[SortColumn]]:
    (kind, key), descending = ordering.field, ordering.descending
    if kind is Kind.ATTRIBUTE:
        return tree, _column_order(_RUN_COLUMNS, key, descending)
    if (joined := _joined_tag(ordering.field)) is not None:
        return tree, text_columns(joined, descending=descending)
    table: Any = {Kind.METRIC: LatestMetric, Kind.PARAM: RunParameter, Kind.TAG: RunTag}[kind]
    entry = table.table.alias()
    on = sa.and_(entry.c.workspace_id == workspace_id, entry.c.run_row == _r.row_id, entry.c.key == key)
    tree = tree.outerjoin(entry, on)
    if kind is Kind.METRIC:
        return tree, metric_columns(entry.c.value, entry.c.run_row, descending=descending)
    return tree, text_columns(entry.c.value, descending=descending)


def _joined_tag(field: Field) -> sa.ColumnElement[Any] | None:
    """Tags that are no rows of their own: the run's name, and the name its client wrote for its user."""
    if field.kind is not Kind.TAG:
        return None
    return {NAME_TAG: cast("sa.ColumnElement[Any]", _r.name), USER_TAG: MemberAlias.c.alias}.get(field.key)


def _column_order(columns: dict[str, sa.ColumnElement[Any]], key: str, descending: bool) -> list[SortColumn]:
    make = number_columns if key in _MOMENTS else text_columns
    return make(columns[key], descending=descending)
