"""Rows of manifests, and the models in them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Page, Paging
from freehold.records.assets import Model
from freehold.records.serving import Manifest, ManifestModel
from freehold.storage.transaction import Transaction

_c, _m = Manifest.c, ManifestModel.c
_MODEL_ID = documents.behind(_m.model_row, Model.c.model_id)
_MORE = (documents.hanging_on(Manifest.table, _m.manifest_row, _MODEL_ID).label("model_ids"),)


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    """By `name:version`, by id, or by name alone: the newest."""
    return documents.find_named(db, workspace_id, Manifest, name, _MORE)


def find_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    """Those that stand, in no order."""
    return documents.find_rows(db, workspace_id, Manifest, rows, _MORE)


def find_page(db: Transaction, workspace_id: int, paging: Paging, *, name: str | None, model_row: int | None) -> Page:
    conditions = [_c.name == name] if name is not None else []
    if model_row is not None:
        holding = sa.select(_m.manifest_row).where(_m.workspace_id == workspace_id, _m.model_row == model_row)
        conditions.append(_c.row_id.in_(holding))
    return documents.find_page(db, workspace_id, Manifest, paging, *conditions, more=_MORE)
