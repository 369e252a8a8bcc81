"""Rows of datasets, of their definitions, and of saved datasets."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.datasets.rules import SAVED
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Page, Paging
from freehold.records.outside import Dataset, DatasetDefinition, EarlierSavedDataset
from freehold.storage.portable import checked, json_text, matches, upsert
from freehold.storage.transaction import Transaction

_d, _v = Dataset.c, DatasetDefinition.c
_saved = Dataset.table.alias("saved")
_IS_REGISTERED = _d.state != SAVED
SAVED_ID = "savedDatasetId"
"""What a definition's document said in older releases; since then the link says it."""


class Wanted(NamedTuple):
    """What a list of datasets asks for. `rows`: only these; `searched`: a part of the name, in any case."""

    names: Sequence[str] = ()
    searched: str | None = None
    state: str | None = None
    has_invisible: bool = True
    rows: Sequence[int] | None = None


def find_named(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    return documents.find(db, workspace_id, Dataset, _IS_REGISTERED, _d.name == name)


def find(db: Transaction, workspace_id: int, dataset_id: str) -> sa.Row[Any] | None:
    return documents.find(db, workspace_id, Dataset, _IS_REGISTERED, _d.dataset_id == dataset_id)


def find_saved(db: Transaction, workspace_id: int, saved_id: str) -> sa.Row[Any] | None:
    return documents.find(db, workspace_id, Dataset, _d.state == SAVED, _d.dataset_id == saved_id)


def find_page(db: Transaction, workspace_id: int, paging: Paging, wanted: Wanted) -> Page:
    conditions: list[sa.ColumnElement[bool]] = [_IS_REGISTERED]
    if wanted.names:
        conditions.append(_d.name.in_(wanted.names))
    if wanted.searched is not None:
        part = wanted.searched.replace("%", "_")  # no escape character: one character more or less exact
        conditions.append(matches(db.connection, _d.name, f"%{part}%", ignoring_case=True))
    if wanted.state is not None:
        conditions.append(_d.state == wanted.state)
    if not wanted.has_invisible:
        conditions.append(_d.is_visible)
    if wanted.rows is not None:
        conditions.append(_d.row_id.in_(wanted.rows))
    return documents.find_page(db, workspace_id, Dataset, paging, *conditions)


def rows_standing(db: Transaction, workspace_id: int) -> list[int]:
    return documents.keys_of(db, workspace_id, _d.row_id, _IS_REGISTERED, _d.hidden_at.is_(None))


def find_saved_alike(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    """A saved dataset is named by the digest of what it holds."""
    return documents.find(db, workspace_id, Dataset, _d.state == SAVED, _d.name == name)


def definitions_of_saved(db: Transaction, workspace_id: int, saved_id: str) -> dict[int, sa.Row[Any]]:
    """Dataset's row → its newest definition that is this saved dataset."""
    found = _definitions(workspace_id).where(_saved.c.dataset_id == saved_id).order_by(_v.version)
    return {row.dataset_row: row for row in db.execute(found)}


def link_saved(db: Transaction, workspace_id: int) -> None:
    """Definitions without a saved dataset get the one that their document names, as an older release wrote it."""
    named = json_text(db.connection, _v.document, SAVED_ID)
    saved = sa.select(_d.row_id).where(
        _d.workspace_id == workspace_id, _d.state == SAVED, _d.hidden_at.is_(None), _d.dataset_id == named
    )
    here = sa.and_(_v.workspace_id == workspace_id, _v.saved_row.is_(None))
    db.execute(DatasetDefinition.table.update().where(here).values(saved_row=saved.scalar_subquery()))


def keep_earlier(db: Transaction, workspace_id: int, dataset: int, saved: int) -> None:
    """That a version of the dataset was saved as this, however often it was."""
    new = upsert(db.connection, EarlierSavedDataset.table)
    values = {"workspace_id": workspace_id, "dataset_row": dataset, "saved_row": saved}
    db.execute(new.values(values).on_conflict_do_nothing())


def find_definition(
    db: Transaction, workspace_id: int, dataset_row: int, version: int | None = None
) -> sa.Row[Any] | None:
    """The newest where no version is given."""
    found = _definitions(workspace_id).where(_v.dataset_row == dataset_row)
    found = found if version is None else found.where(_v.version == version)
    return db.execute(found.order_by(_v.version.desc()).limit(1)).first()


def newest_definitions(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, sa.Row[Any]]:
    """Dataset's row → its newest definition."""
    newest = (
        sa.select(_v.dataset_row, sa.func.max(_v.version).label("version"))
        .where(checked(_v.workspace_id) == workspace_id, _v.dataset_row.in_(rows))
        .group_by(_v.dataset_row)
        .subquery()
    )
    is_newest = sa.and_(newest.c.dataset_row == _v.dataset_row, newest.c.version == _v.version)
    found = _definitions(workspace_id).join(newest, is_newest)
    return {row.dataset_row: row for row in db.execute(found)} if rows else {}


def find_definitions(
    db: Transaction, workspace_id: int, dataset_row: int, before: int | None, limit: int
) -> list[sa.Row[Any]]:
    """Newest first; those with a version below `before`."""
    found = _definitions(workspace_id).where(_v.dataset_row == dataset_row)
    found = found if before is None else found.where(_v.version < before)
    return list(db.execute(found.order_by(_v.version.desc()).limit(limit)))


def _definitions(workspace_id: int) -> sa.Select[Any]:
    """With `saved_id`: of what it was saved as, as long as that stands."""
    columns = (*DatasetDefinition.table.columns, _saved.c.dataset_id.label("saved_id"))
    is_saved_as = sa.and_(_saved.c.row_id == _v.saved_row, _saved.c.hidden_at.is_(None))
    source = DatasetDefinition.table.outerjoin(_saved, is_saved_as)
    return sa.select(*columns).select_from(source).where(_v.workspace_id == workspace_id)
