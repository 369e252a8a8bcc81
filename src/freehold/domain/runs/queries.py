"""Rows of runs and of what hangs on them."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access import queries as access
from freehold.records.containers import Workspace
from freehold.records.experiments import Experiment
from freehold.records.people import MemberAlias
from freehold.records.runs import Run, RunEvent, RunParameter, RunProperty, RunTag
from freehold.storage.portable import Prepared, PreparedRows, checked, numbered
from freehold.storage.transaction import Transaction

_r = Run.c
_Parent = Run.table.alias("parent")

STANDING = sa.and_(_r.hidden_at.is_(None), Experiment.c.hidden_at.is_(None), Workspace.c.hidden_at.is_(None))
"""Nothing above the run, nor the run itself, is being erased."""

TREE = access.with_authors(
    Run.table.join(Experiment.table, _r.experiment_row == Experiment.c.row_id)
    .join(Workspace.table, _r.workspace_id == Workspace.c.workspace_id)
    .outerjoin(_Parent, _r.parent_row == _Parent.c.row_id)
    .outerjoin(MemberAlias.table, _r.author_alias == MemberAlias.c.row_id),
    _r.created_by,
)
COLUMNS = (
    *Run.table.columns,
    Experiment.c.experiment_id,
    Experiment.c.name.label("experiment_name"),
    _Parent.c.run_id.label("parent_run_id"),
    *access.AUTHOR_COLUMNS,
    MemberAlias.c.alias.label("author"),
)


# allow-workspace: because one call serves all that waits for a commit; each run is named with its own
def _select_writable(_: Any, size: int) -> Any:
    asked = (
        sa.and_(_r.workspace_id == sa.bindparam(f"workspace_id_{n}"), _r.run_id == sa.bindparam(f"run_id_{n}"))
        for n in range(size)
    )
    return (
        sa.select(_r.workspace_id, _r.run_id, _r.row_id, _r.deleted_at)
        .join(Experiment.table, _r.experiment_row == Experiment.c.row_id)
        .join(Workspace.table, _r.workspace_id == Workspace.c.workspace_id)
        .where(sa.or_(*asked), STANDING)
    )


_writable = PreparedRows(("workspace_id", "run_id"), _select_writable)


_NOTHING: dict[str, Any] = {column.name: None for column in Run.table.columns if column.name != "row_id"}
_add = Prepared(
    lambda insert: insert(Run.table).values({name: sa.bindparam(name) for name in _NOTHING}).returning(_r.row_id)
)


_ENTRY = ("workspace_id", "run_row", "key", "value")


def _upsert_entries(insert: Any, size: int, table: sa.Table) -> Any:
    new = insert(table).values(numbered(_ENTRY, size))
    return new.on_conflict_do_update(
        index_elements=["run_row", "key", "workspace_id"], set_={"value": new.excluded.value}
    )


_put_entries = {
    record: PreparedRows(_ENTRY, partial(_upsert_entries, table=record.table))
    for record in (RunTag, RunParameter, RunProperty)
}


def select_runs(workspace_id: int | sa.BindParameter[int]) -> sa.Select[Any]:
    """Standing runs of the workspace with their experiment, parent and author joined in; add your own where."""
    return sa.select(*COLUMNS).select_from(TREE).where(_r.workspace_id == workspace_id, STANDING)


# Built once: to build it takes SQLAlchemy longer than it takes the database to answer it.
_by_id = select_runs(sa.bindparam("here")).where(_r.run_id == sa.bindparam("run_id"))

_names: sa.BindParameter[Any] = sa.bindparam("names", expanding=True)
_named_so = sa.select(_r.run_id, _r.data_container_id).where(
    _r.workspace_id == sa.bindparam("here"), sa.or_(_r.run_id.in_(_names), _r.data_container_id.in_(_names))
)


def find(db: Transaction, workspace_id: int, run_id: str) -> sa.Row[Any] | None:
    return db.execute(_by_id, {"here": workspace_id, "run_id": run_id}).first()


def find_writable(db: Transaction, workspace_id: int, run_id: str) -> tuple[int, int | None] | None:
    """Row and MLflow deletion time of a standing run."""
    return find_all_writable(db, [(workspace_id, run_id)]).get((workspace_id, run_id))


def find_all_writable(db: Transaction, runs: list[tuple[int, str]]) -> dict[tuple[int, str], tuple[int, int | None]]:
    """As `find_writable`, by (workspace_id, run_id): prepared, for the hot path."""
    return {(row[0], row[1]): (row[2], row[3]) for row in _writable.all(db.connection, runs)}


def is_id_taken(db: Transaction, workspace_id: int, run_id: str) -> bool:
    """Also by a hidden run: its row stands until the erasure has removed it."""
    taken = sa.select(_r.row_id).where(_r.workspace_id == workspace_id, _r.run_id == run_id)
    return db.execute(taken).first() is not None


def named_so(db: Transaction, workspace_id: int, run_id: str, container: str) -> list[sa.Row[Any]]:
    """(run_id, data_container_id) of the runs, hidden ones too, whose id or artifacts' container is either of these."""
    return list(db.execute(_named_so, {"here": workspace_id, "names": (run_id, container)}))


def add(db: Transaction, workspace_id: int, values: dict[str, Any]) -> int:
    """The new run's row. Columns that are not given are null."""
    row = _add.one(db.connection, _NOTHING | values | {"workspace_id": workspace_id})
    assert row is not None
    return int(row[0])


def change(db: Transaction, workspace_id: int, row_id: int, values: dict[str, Any]) -> None:
    if values:
        db.execute(Run.table.update().where(_r.workspace_id == workspace_id, _r.row_id == row_id).values(values))


def change_author(db: Transaction, workspace_id: int, row_id: int, alias: int | None) -> None:
    """The name that stood before goes with the last run that has it. Two that each take away a run would both find the
    other's, so the second waits."""
    mine = sa.select(_r.author_alias).where(_r.workspace_id == workspace_id, _r.row_id == row_id)
    before = db.execute(mine.with_for_update()).scalar()
    change(db, workspace_id, row_id, {"author_alias": alias})
    if before in (None, alias):
        return
    here = sa.and_(MemberAlias.c.workspace_id == workspace_id, MemberAlias.c.row_id == before)
    db.execute(sa.select(MemberAlias.c.row_id).where(here).with_for_update())
    having = sa.select(_r.row_id).where(_r.workspace_id == workspace_id, _r.author_alias == before)
    if db.execute(having.limit(1)).first() is None:
        db.execute(MemberAlias.table.delete().where(here))


def put_entries(
    db: Transaction,
    workspace_id: int,
    table: type[RunTag] | type[RunParameter] | type[RunProperty],
    run_row: int,
    entries: dict[str, str],
) -> None:
    """Set string entries of a run; an entry that stands takes the new value."""
    if entries:
        rows = [(workspace_id, run_row, key, value) for key, value in entries.items()]
        _put_entries[table].run(db.connection, rows)


# allow-workspace: because each entry is named with its own
def _select_entries(_: Any, size: int, table: sa.Table) -> Any:
    c = table.c
    names = ("workspace_id", "run_row", "key")
    asked = (sa.and_(*(c[name] == sa.bindparam(f"{name}_{n}") for name in names)) for n in range(size))
    return sa.select(c.key, c.value).where(sa.or_(*asked))


_standing_entries = {
    record: PreparedRows(("workspace_id", "run_row", "key"), partial(_select_entries, table=record.table))
    for record in (RunTag, RunProperty)
}


def standing_entries(
    db: Transaction, workspace_id: int, record: type[RunTag] | type[RunProperty], run_row: int, keys: Sequence[str]
) -> dict[str, str]:
    """Of these keys, those that the run has, with their values: prepared, for the hot path."""
    asked = [(workspace_id, run_row, key) for key in keys]
    return {row[0]: row[1] for row in _standing_entries[record].all(db.connection, asked)}


_RUNS_AT_ONCE = 1_000
"""A page of MLflow may hold tens of thousands; databases take so many parameters, but not three times as many."""


class Entries(NamedTuple):
    """Of one run, each by key in order."""

    parameters: dict[str, str]
    tags: dict[str, str]
    properties: dict[str, str]


# allow-workspace: because it is a part of one statement, built once, whose parameter the workspace is
def _entries(record: type[RunTag] | type[RunParameter] | type[RunProperty], at: int) -> sa.Select[Any]:
    """`at`: the place in Entries."""
    c = record.c
    rows: sa.BindParameter[Any] = sa.bindparam("rows", expanding=True)
    here = checked(c.workspace_id) == sa.bindparam("here")
    return sa.select(c.run_row, sa.literal_column(str(at)).label("at"), c.key, c.value).where(here, c.run_row.in_(rows))


_all_entries = sa.union_all(_entries(RunParameter, 0), _entries(RunTag, 1), _entries(RunProperty, 2))


def entries_of(db: Transaction, workspace_id: int, run_rows: Sequence[int]) -> dict[int, Entries]:
    """Row → what hangs on that run."""
    entries = {row: Entries({}, {}, {}) for row in run_rows}
    for start in range(0, len(run_rows), _RUNS_AT_ONCE):
        some = run_rows[start : start + _RUNS_AT_ONCE]
        found = db.execute(_all_entries, {"here": workspace_id, "rows": some})
        for row, at, key, value in sorted(map(tuple, found)):
            entries[row][at][key] = value
    return entries


def remove_tags(db: Transaction, workspace_id: int, run_row: int, keys: list[str]) -> int:
    c = RunTag.c
    return db.execute(
        RunTag.table.delete().where(c.workspace_id == workspace_id, c.run_row == run_row, c.key.in_(keys))
    ).rowcount


def add_event(db: Transaction, workspace_id: int, run_row: int, name: str, data: Any, at: int) -> None:
    db.execute(
        RunEvent.table.insert().values(workspace_id=workspace_id, run_row=run_row, name=name, data=data, happened_at=at)
    )


def list_events(db: Transaction, workspace_id: int, run_row: int) -> list[sa.Row[Any]]:
    c = RunEvent.c
    return list(
        db.execute(
            sa.select(c.row_id, c.name, c.data, c.happened_at)
            .where(c.workspace_id == workspace_id, c.run_row == run_row)
            .order_by(c.row_id)
        )
    )


def has_runs(db: Transaction, workspace_id: int, experiment_row: int) -> bool:
    found = sa.select(_r.row_id).where(_r.workspace_id == workspace_id, _r.experiment_row == experiment_row)
    return db.execute(found.where(_r.hidden_at.is_(None)).limit(1)).first() is not None


def status_of(db: Transaction, workspace_id: int, run_row: int) -> str | None:
    here = sa.and_(_r.workspace_id == workspace_id, _r.row_id == run_row)
    return db.execute(sa.select(_r.status).where(here)).scalar()


def find_by_row(db: Transaction, workspace_id: int, run_row: int) -> sa.Row[Any] | None:
    return db.execute(select_runs(workspace_id).where(_r.row_id == run_row, _r.deleted_at.is_(None))).first()


# allow-workspace: because it is part of a statement that reads rows of one workspace, and names theirs
def of_run(link: "sa.ColumnClause[Any]", column: sa.ColumnElement[str]) -> sa.ScalarSelect[str]:
    """A column of the run that `link` names, or of its experiment; null unless both stand."""
    assert link.table is not None
    named = sa.and_(_r.workspace_id == link.table.c.workspace_id, _r.row_id == link)
    found = sa.select(column).select_from(Run.table.join(Experiment.table, _r.experiment_row == Experiment.c.row_id))
    standing = found.where(named, _r.hidden_at.is_(None), Experiment.c.hidden_at.is_(None))
    return standing.correlate(link.table).scalar_subquery()


def ids_of(db: Transaction, workspace_id: int, run_rows: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Row → id and experiment's name, of those that stand."""
    if not run_rows:
        return {}
    found = (
        sa.select(_r.row_id, _r.run_id, Experiment.c.name)
        .join(Experiment.table, _r.experiment_row == Experiment.c.row_id)
        .where(checked(_r.workspace_id) == workspace_id, _r.row_id.in_(run_rows), _r.hidden_at.is_(None))
    )
    standing = db.execute(found.where(Experiment.c.hidden_at.is_(None)))
    return {row.row_id: (row.run_id, row.name) for row in standing}


def line_of(db: Transaction, workspace_id: int, run_row: int) -> set[int]:
    """The run's row and those of all runs above it."""
    here = (_r.workspace_id == workspace_id, _r.row_id == run_row)
    line = sa.select(_r.row_id, _r.parent_row.label("above")).where(*here).cte("line", recursive=True)
    above = sa.select(_r.row_id, _r.parent_row).where(_r.workspace_id == workspace_id, _r.row_id == line.c.above)
    return set(db.execute(sa.select(line.union(above).c.row_id)).scalars())


def roots_of(db: Transaction, workspace_id: int, run_rows: Sequence[int]) -> dict[int, str]:
    """The run id at the top of each run's line of parents; of a run without parent, its own."""
    line = (
        sa.select(_r.row_id.label("start"), _r.parent_row.label("above"), _r.run_id)
        .where(checked(_r.workspace_id) == workspace_id, _r.row_id.in_(run_rows))
        .cte("line", recursive=True)
    )
    line = line.union(
        sa.select(line.c.start, _r.parent_row, _r.run_id).where(
            _r.workspace_id == workspace_id, _r.row_id == line.c.above
        )
    )
    tops = sa.select(line.c.start, line.c.run_id).where(line.c.above.is_(None))
    return {start: run_id for start, run_id in map(tuple, db.execute(tops))}
