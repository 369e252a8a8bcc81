"""Lists of runs and experiments by Azure's filters, in pages of a total order.

A comparison on a map (`Tags/key`, `Properties/key`, `RunTypeV2/Traits/x`) is about an entry that stands; its value is
never null, so `ne null or eq null`, which clients write for "has it", means just that.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.listing.grammar import AllOf, AnyOf, Comparison, Condition, Order
from freehold.domain.runs.queries import select_runs
from freehold.kit.clock import from_iso
from freehold.kit.problems import Invalid
from freehold.records.experiments import Experiment, ExperimentTag
from freehold.records.people import Person
from freehold.records.runs import Run, RunProperty, RunTag
from freehold.storage.portable import json_text
from freehold.storage.sorting import SortColumn, is_after, number_columns, text_columns
from freehold.storage.transaction import Transaction

_r, _e = Run.c, Experiment.c

_Compare = Callable[[sa.ColumnElement[Any], Any], sa.ColumnElement[bool]]
_COMPARE: dict[str, _Compare] = {
    "eq": lambda column, value: column == value,
    "ne": lambda column, value: sa.or_(column != value, column.is_(None)),
    "gt": lambda column, value: column > value,
    "ge": lambda column, value: column >= value,
    "lt": lambda column, value: column < value,
    "le": lambda column, value: column <= value,
}


class Page(NamedTuple):
    """`next_place`: the sort columns of the last row, None where no rows follow."""

    rows: list[sa.Row[Any]]
    next_place: list[Any] | None


def list_runs(
    db: Transaction,
    workspace_id: int,
    condition: Condition | None,
    orders: Sequence[Order],
    *,
    scope: sa.ColumnElement[bool] | None = None,
    limit: int,
    after: Sequence[Any] | None,
) -> Page:
    """Standing runs that no MLflow delete has set aside; newest number last in the order after what is asked."""
    query = select_runs(workspace_id).where(_r.deleted_at.is_(None))
    if scope is not None:
        query = query.where(scope)
    if condition is not None:
        query = query.where(_where(condition, lambda each: _run_condition(db, workspace_id, each)))
    columns = _sort(orders, _RUN_TEXTS, _RUN_TIMES)
    return _page(db, query, [*columns, SortColumn(_r.row_id, descending=_is_descending(orders))], limit, after)


def list_experiments(
    db: Transaction,
    workspace_id: int,
    condition: Condition | None,
    orders: Sequence[Order],
    *,
    archived: bool | None,
    limit: int,
    after: Sequence[Any] | None,
) -> Page:
    query = sa.select(*Experiment.table.columns).where(_e.workspace_id == workspace_id, _e.hidden_at.is_(None))
    if archived is not None:
        query = query.where(_e.archived_at.is_not(None) if archived else _e.archived_at.is_(None))
    if condition is not None:
        query = query.where(_where(condition, lambda each: _experiment_condition(workspace_id, each)))
    columns = _sort(orders, _EXPERIMENT_TEXTS, _EXPERIMENT_TIMES)
    return _page(db, query, [*columns, SortColumn(_e.row_id, descending=_is_descending(orders))], limit, after)


def in_experiment(experiment_row: int) -> sa.ColumnElement[bool]:
    return _r.experiment_row == experiment_row


def below_run(run_row: int) -> sa.ColumnElement[bool]:
    """Its children; their own children are not among them."""
    return _r.parent_row == run_row


def on_target(target: str) -> sa.ColumnElement[bool]:
    return _r.target == target


def count_by_status(
    db: Transaction, workspace_id: int, condition: Condition | None, scope: sa.ColumnElement[bool]
) -> dict[str, int]:
    query = select_runs(workspace_id).where(scope, _r.deleted_at.is_(None))
    if condition is not None:
        query = query.where(_where(condition, lambda each: _run_condition(db, workspace_id, each)))
    counted = query.with_only_columns(_r.status, sa.func.count()).group_by(_r.status)
    return {status: count for status, count in map(tuple, db.execute(counted))}


_RUN_TEXTS: dict[str, sa.ColumnElement[Any]] = {
    "runid": _r.run_id,
    "status": _r.status,
    "name": _r.name,
    "displayname": _r.name,
    "description": _r.description,
    "runtype": _r.run_type,
    "target": _r.target,
    "scriptname": _r.script_name,
    "datacontainerid": _r.data_container_id,
    "experimentid": _e.experiment_id,
    "experimentname": _e.name,
    "userid": Person.c.object_id,
}
_RUN_TIMES: dict[str, sa.ColumnElement[Any]] = {
    "createdutc": _r.created_at,
    "starttimeutc": _r.started_at,
    "endtimeutc": _r.ended_at,
    "runnumber": _r.run_number,
}
_EXPERIMENT_TEXTS: dict[str, sa.ColumnElement[Any]] = {
    "name": _e.name,
    "experimentid": _e.experiment_id,
    "description": _e.description,
}
_EXPERIMENT_TIMES: dict[str, sa.ColumnElement[Any]] = {"createdutc": _e.created_at, "archivedtime": _e.archived_at}


def _where(condition: Condition, compare: Callable[[Comparison], sa.ColumnElement[bool]]) -> sa.ColumnElement[bool]:
    if isinstance(condition, AllOf):
        return sa.and_(*(_where(part, compare) for part in condition.parts))
    if isinstance(condition, AnyOf):
        return sa.or_(*(_where(part, compare) for part in condition.parts))
    return compare(condition)


def _run_condition(db: Transaction, workspace_id: int, asked: Comparison) -> sa.ColumnElement[bool]:
    if asked.key is not None:
        return _run_map_condition(db, workspace_id, asked)
    if asked.name == "parentrunid":
        return _parent_condition(workspace_id, asked)
    if asked.name == "rootrunid":
        return _root_condition(workspace_id, asked)
    if asked.name == "hidden":
        return _compare(_r.hidden_in_lists, asked, (asked.value or "").lower() == "true")
    return _column_condition(asked, _RUN_TEXTS, _RUN_TIMES)


def _run_map_condition(db: Transaction, workspace_id: int, asked: Comparison) -> sa.ColumnElement[bool]:
    if asked.name == "runtypev2":
        return _run_type_condition(db, asked)
    tables: dict[str, Any] = {"tags": RunTag, "properties": RunProperty}
    if asked.name not in tables:
        raise _unknown(asked.name, [*_RUN_TEXTS, *_RUN_TIMES, "tags/…", "properties/…", "runtypev2/…"])
    entry = tables[asked.name].c
    stands = sa.select(entry.row_id).where(
        entry.workspace_id == workspace_id, entry.run_row == _r.row_id, entry.key == asked.key
    )
    return _entry_condition(stands, entry.value, asked)


def _entry_condition(stands: sa.Select[Any], value: sa.ColumnElement[Any], asked: Comparison) -> sa.ColumnElement[bool]:
    if asked.value is None:
        return stands.exists() if asked.operator == "ne" else sa.false()
    return stands.where(_COMPARE[asked.operator](value, asked.value)).exists()


def _run_type_condition(db: Transaction, asked: Comparison) -> sa.ColumnElement[bool]:
    kind, _, trait = (asked.key or "").partition("/")
    if kind.lower() == "traits" and trait:
        traits = sa.func.coalesce(json_text(db.connection, _r.details, "runTypeV2", "traits"), "")
        has_it = sa.func.replace(traits, f'"{trait}"', "") != traits  # LIKE would fold case on one database
        return has_it if asked.operator == "ne" else sa.false()
    if kind.lower() == "orchestrator":
        return _compare(json_text(db.connection, _r.details, "runTypeV2", "orchestrator"), asked, asked.value)
    raise _unknown(f"runtypev2/{kind}", ["runtypev2/orchestrator", "runtypev2/traits/…"])


def _parent_condition(workspace_id: int, asked: Comparison) -> sa.ColumnElement[bool]:
    if asked.value is None:
        return _r.parent_row.is_(None) if asked.operator == "eq" else _r.parent_row.is_not(None)
    other = Run.table.alias()
    named = sa.select(other.c.row_id).where(other.c.workspace_id == workspace_id, other.c.run_id == asked.value)
    if asked.operator == "eq":
        return _r.parent_row.in_(named)
    return sa.or_(_r.parent_row.is_(None), _r.parent_row.not_in(named))


def _root_condition(workspace_id: int, asked: Comparison) -> sa.ColumnElement[bool]:
    """The run itself and all below it."""
    top, child = Run.table.alias(), Run.table.alias()
    family = (
        sa.select(top.c.row_id)
        .where(top.c.workspace_id == workspace_id, top.c.run_id == asked.value, top.c.parent_row.is_(None))
        .cte("family", recursive=True)
    )
    family = family.union(
        sa.select(child.c.row_id).where(child.c.workspace_id == workspace_id, child.c.parent_row == family.c.row_id)
    )
    inside = _r.row_id.in_(sa.select(family.c.row_id))
    return inside if asked.operator == "eq" else ~inside


def _experiment_condition(workspace_id: int, asked: Comparison) -> sa.ColumnElement[bool]:
    if asked.key is None:
        return _column_condition(asked, _EXPERIMENT_TEXTS, _EXPERIMENT_TIMES)
    if asked.name != "tags":
        raise _unknown(asked.name, [*_EXPERIMENT_TEXTS, *_EXPERIMENT_TIMES, "tags/…"])
    entry = ExperimentTag.c
    stands = sa.select(entry.row_id).where(
        entry.workspace_id == workspace_id, entry.experiment_row == _e.row_id, entry.key == asked.key
    )
    return _entry_condition(stands, entry.value, asked)


def _column_condition(
    asked: Comparison,
    texts: Mapping[str, sa.ColumnElement[Any]],
    numbers: Mapping[str, sa.ColumnElement[Any]],
) -> sa.ColumnElement[bool]:
    if asked.name in texts:
        return _compare(texts[asked.name], asked, asked.value)
    if asked.name in numbers:
        return _compare(numbers[asked.name], asked, None if asked.value is None else _number(asked.name, asked.value))
    raise _unknown(asked.name, [*texts, *numbers])


def _compare(column: sa.ColumnElement[Any], asked: Comparison, value: Any) -> sa.ColumnElement[bool]:
    if asked.value is None:
        return column.is_(None) if asked.operator == "eq" else column.is_not(None)
    return _COMPARE[asked.operator](column, value)


def _number(name: str, text: str) -> int:
    try:
        return int(text) if name == "runnumber" else from_iso(text.replace("Z", "+00:00"))
    except ValueError:
        message = f"{name} is compared with a time such as 2026-01-31T10:00:00Z, or a whole number; not {text[:40]!r}."
        raise Invalid("InvalidFilter", message, target="filter") from None


def _unknown(name: str, known: Sequence[str]) -> Invalid:
    message = f"There is no field {name[:60]!r} here. The fields are: {', '.join(known)}."
    return Invalid("InvalidFilter", message, target="filter")


def _sort(
    orders: Sequence[Order],
    texts: Mapping[str, sa.ColumnElement[Any]],
    numbers: Mapping[str, sa.ColumnElement[Any]],
) -> list[SortColumn]:
    columns: list[SortColumn] = []
    for order in orders:
        if order.name in texts:
            columns += text_columns(texts[order.name], descending=order.descending)
        elif order.name in numbers:
            columns += number_columns(numbers[order.name], descending=order.descending)
        else:
            raise _unknown(order.name, [*texts, *numbers])
    return columns


def _is_descending(orders: Sequence[Order]) -> bool:
    """What was made last stands at the same end as what is newest."""
    return bool(orders) and orders[0].descending


def _page(
    db: Transaction,
    query: sa.Select[Any],
    columns: list[SortColumn],
    limit: int,
    after: Sequence[Any] | None,
) -> Page:
    if after is not None:
        query = query.where(is_after(columns, after))
    labelled = [column.value.label(f"sort_{at}") for at, column in enumerate(columns)]
    query = query.add_columns(*labelled).order_by(*(column.clause() for column in columns)).limit(limit + 1)
    rows = list(db.execute(query))
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], [getattr(rows[limit - 1], label.name) for label in labelled])
