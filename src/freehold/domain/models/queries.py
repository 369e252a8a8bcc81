"""Rows of models, and what refers to them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import ANY_LABELS, Having, Page, Paging
from freehold.records.assets import Asset, Model
from freehold.storage.portable import checked
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


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    """By `name:version`, by id, or by name alone: the newest."""
    return documents.find_named(db, workspace_id, Model, name)


def find_page(db: Transaction, workspace_id: int, paging: Paging, wanted: Wanted) -> Page:
    asked = ((_m.name, wanted.name), (_m.version, wanted.version), (_m.run_row, wanted.run_row))
    conditions = [column == value for column, value in asked if value is not None]
    conditions += [_is_newest(workspace_id)] if wanted.newest_only else []
    return documents.find_page(db, workspace_id, Model, paging, *conditions, labels=wanted.labels)


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


def ids_of_assets(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, str]:
    found = sa.select(Asset.c.row_id, Asset.c.asset_id).where(
        checked(Asset.c.workspace_id) == workspace_id, Asset.c.row_id.in_(rows), Asset.c.hidden_at.is_(None)
    )
    return {row.row_id: row.asset_id for row in db.execute(found)} if rows else {}


def names_of(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, tuple[str, int]]:
    """Row → name and version, of those that stand."""
    found = sa.select(_m.row_id, _m.name, _m.version).where(
        checked(_m.workspace_id) == workspace_id, _m.row_id.in_(rows), _m.hidden_at.is_(None)
    )
    return {row.row_id: (row.name, row.version) for row in db.execute(found)} if rows else {}


def derived_from(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, list[tuple[str, int]]]:
    """Row → names and versions of the models that name it as their parent."""
    found = (
        sa.select(_m.parent_row, _m.name, _m.version)
        .where(checked(_m.workspace_id) == workspace_id, _m.parent_row.in_(rows), _m.hidden_at.is_(None))
        .order_by(_m.row_id)
    )
    derived: dict[int, list[tuple[str, int]]] = {}
    for row in db.execute(found) if rows else ():
        derived.setdefault(row.parent_row, []).append((row.name, row.version))
    return derived
