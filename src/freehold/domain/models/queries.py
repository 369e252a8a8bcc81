"""Rows of models, and what refers to them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import ANY_LABELS, Having, Page, Paging
from freehold.domain.runs import queries as run_queries
from freehold.records.assets import Asset, Model
from freehold.records.experiments import Experiment
from freehold.records.runs import Run
from freehold.storage.transaction import Transaction

_m = Model.c


class Wanted(NamedTuple):
    """What a list of models asks for."""

    name: str | None = None
    version: int | None = None
    run_row: int | None = None
    labels: Having = ANY_LABELS
    newest_only: bool = False


ANY = Wanted()
_parent, _derived = Model.table.alias("parent"), Model.table.alias("derived")
_MORE = (
    documents.behind(_m.asset_row, Asset.c.asset_id, Asset.c.hidden_at.is_(None)).label("asset_id"),
    run_queries.of_run(_m.run_row, Run.c.run_id).label("run_id"),
    run_queries.of_run(_m.run_row, Experiment.c.name).label("experiment_name"),
    documents.behind(_m.parent_row, _parent.c.name, _parent.c.hidden_at.is_(None)).label("parent_name"),
    documents.behind(_m.parent_row, _parent.c.version, _parent.c.hidden_at.is_(None)).label("parent_version"),
    documents.hanging_on(
        Model.table, _derived.c.parent_row, _derived.c.name, _derived.c.version, where=_derived.c.hidden_at.is_(None)
    ).label("derived"),
)
"""`derived`: names and versions of the models that name it as their parent."""


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    """By `name:version`, by id, or by name alone: the newest."""
    return documents.find_named(db, workspace_id, Model, name, _MORE)


def find_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    """Those that stand, in no order."""
    return documents.find_rows(db, workspace_id, Model, rows, _MORE)


def find_page(db: Transaction, workspace_id: int, paging: Paging, wanted: Wanted) -> Page:
    asked = ((_m.name, wanted.name), (_m.version, wanted.version), (_m.run_row, wanted.run_row))
    conditions = [column == value for column, value in asked if value is not None]
    conditions += [_is_newest(workspace_id)] if wanted.newest_only else []
    return documents.find_page(db, workspace_id, Model, paging, *conditions, labels=wanted.labels, more=_MORE)


def rows_named(db: Transaction, workspace_id: int, name: str) -> list[int]:
    """All standing versions of a name."""
    return documents.keys_of(db, workspace_id, _m.row_id, _m.name == name, _m.hidden_at.is_(None))


def _is_newest(workspace_id: int) -> sa.ColumnElement[bool]:
    """Of each name the standing model with the highest version."""
    other = Model.table.alias("newer")
    newer = sa.select(other.c.row_id).where(
        other.c.workspace_id == workspace_id,
        other.c.name == _m.name,
        other.c.version > _m.version,
        other.c.hidden_at.is_(None),
    )
    return ~newer.exists()
