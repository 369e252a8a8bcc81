"""Rows of computes. Their names fold case, as names in ARM's addresses do."""

from typing import Any

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Page, Paging
from freehold.records.outside import Compute
from freehold.storage.transaction import Transaction

_c = Compute.c


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    return documents.find_by(db, workspace_id, Compute, name_folded=name.casefold())


def find_page(db: Transaction, workspace_id: int, paging: Paging, compute_type: str | None) -> Page:
    conditions = [_c.compute_type == compute_type] if compute_type is not None else []
    return documents.find_page(db, workspace_id, Compute, paging, *conditions)
