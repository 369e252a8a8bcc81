"""Rows of manifests, and the models in them."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Page, Paging
from freehold.records.assets import Model
from freehold.records.serving import Manifest, ManifestModel
from freehold.storage.portable import checked
from freehold.storage.transaction import Transaction

_c, _m = Manifest.c, ManifestModel.c


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    """By `name:version`, by id, or by name alone: the newest."""
    return documents.find_named(db, workspace_id, Manifest, name)


def find_page(db: Transaction, workspace_id: int, paging: Paging, *, name: str | None, model_row: int | None) -> Page:
    conditions = [_c.name == name] if name is not None else []
    if model_row is not None:
        holding = sa.select(_m.manifest_row).where(_m.workspace_id == workspace_id, _m.model_row == model_row)
        conditions.append(_c.row_id.in_(holding))
    return documents.find_page(db, workspace_id, Manifest, paging, *conditions)


def ids_of_models(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, list[str]]:
    """Manifest's row → ids of its models, in the order in which they were named."""
    found = (
        sa.select(_m.manifest_row, Model.c.model_id)
        .join(Model.table, _m.model_row == Model.c.row_id)
        .where(checked(_m.workspace_id) == workspace_id, _m.manifest_row.in_(rows))
        .order_by(_m.row_id)
    )
    held: dict[int, list[str]] = {}
    for row in db.execute(found) if rows else ():
        held.setdefault(row.manifest_row, []).append(row.model_id)
    return held
