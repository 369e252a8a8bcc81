"""Rows of images, the models in them, the services that run them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import ANY_LABELS, Having, Page, Paging
from freehold.records.serving import Image, ImageModel, Manifest, Service
from freehold.storage.portable import checked
from freehold.storage.transaction import Transaction

_i, _m = Image.c, ImageModel.c


class Wanted(NamedTuple):
    """What a list of images asks for. `model_rows`: those that hold one of these models."""

    name: str | None = None
    version: int | None = None
    model_rows: Sequence[int] | None = None
    manifest_id: str | None = None
    manifest_name: str | None = None
    labels: Having = ANY_LABELS


ANY = Wanted()
_MORE = (documents.hanging_on(Image.table, _m.image_row, _m.model_row).label("model_rows"),)


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    """By `name:version`, by id, or by name alone: the newest."""
    return documents.find_named(db, workspace_id, Image, name, _MORE)


def find_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    """Those that stand, in no order."""
    return documents.find_rows(db, workspace_id, Image, rows, _MORE)


def find_page(db: Transaction, workspace_id: int, paging: Paging, wanted: Wanted) -> Page:
    conditions = [_i.name == wanted.name] if wanted.name is not None else []
    conditions += [_i.version == wanted.version] if wanted.version is not None else []
    if wanted.model_rows is not None:
        holding = sa.select(_m.image_row).where(
            checked(_m.workspace_id) == workspace_id, _m.model_row.in_(wanted.model_rows)
        )
        conditions.append(_i.row_id.in_(holding))
    if wanted.manifest_id is not None or wanted.manifest_name is not None:
        conditions.append(_of_manifest(workspace_id, wanted.manifest_id, wanted.manifest_name))
    return documents.find_page(db, workspace_id, Image, paging, *conditions, labels=wanted.labels, more=_MORE)


def rows_named(db: Transaction, workspace_id: int, name: str) -> list[int]:
    """All standing versions of a name."""
    return documents.keys_of(db, workspace_id, _i.row_id, _i.name == name, _i.hidden_at.is_(None))


def rows_of_manifest(db: Transaction, workspace_id: int, manifest_id: str | None, name: str | None) -> list[int]:
    mine = _of_manifest(workspace_id, manifest_id, name)
    return documents.keys_of(db, workspace_id, _i.row_id, mine, _i.hidden_at.is_(None))


def _of_manifest(workspace_id: int, manifest_id: str | None, name: str | None) -> sa.ColumnElement[bool]:
    named = sa.select(Manifest.c.row_id).where(Manifest.c.workspace_id == workspace_id)
    for column, value in ((Manifest.c.manifest_id, manifest_id), (Manifest.c.name, name)):
        if value is not None:
            named = named.where(column == value)
    return _i.manifest_row.in_(named)


def made_for_services(db: Transaction, workspace_id: int, service_rows: Sequence[int]) -> list[int]:
    """Rows of the images that were made for services and that none but these run."""
    s, other = Service.c, Service.table.alias("other")
    shared = sa.select(other.c.row_id).where(
        other.c.image_row == _i.row_id, other.c.row_id.not_in(service_rows), other.c.hidden_at.is_(None)
    )
    found = (
        sa.select(_i.row_id)
        .distinct()
        .join(Service.table, s.image_row == _i.row_id)
        .where(s.workspace_id == workspace_id, s.row_id.in_(service_rows))
        .where(_i.is_auto_deleted, _i.hidden_at.is_(None), ~shared.exists())
        .order_by(_i.row_id)
    )
    return list(db.execute(found).scalars())
