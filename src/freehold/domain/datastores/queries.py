"""Rows of datastores."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Page, Paging
from freehold.records.outside import Datastore
from freehold.storage.transaction import Transaction

_d = Datastore.c


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    return documents.find_by(db, workspace_id, Datastore, name=name)


def find_default(db: Transaction, workspace_id: int) -> sa.Row[Any] | None:
    return documents.find(db, workspace_id, Datastore, _d.is_default)


def find_page(db: Transaction, workspace_id: int, paging: Paging, names: Sequence[str] = ()) -> Page:
    """`names`: only these, where there are any."""
    return documents.find_page(db, workspace_id, Datastore, paging, *([_d.name.in_(names)] if names else []))


def rows_standing(db: Transaction, workspace_id: int) -> list[int]:
    return documents.keys_of(db, workspace_id, _d.row_id, _d.hidden_at.is_(None))


def set_default(db: Transaction, workspace_id: int, row_id: int) -> None:
    """This one and no other."""
    here = Datastore.table.update().where(_d.workspace_id == workspace_id)
    db.execute(here.where(_d.is_default, _d.row_id != row_id).values(is_default=False))
    db.execute(here.where(_d.row_id == row_id).values(is_default=True))
