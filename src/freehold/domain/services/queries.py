"""Rows of services, and the models that they run."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import ANY_LABELS, Having, Page, Paging
from freehold.records.containers import Workspace
from freehold.records.serving import ImageModel, Service, ServiceModel
from freehold.storage.portable import checked
from freehold.storage.transaction import Transaction

_s, _m = Service.c, ServiceModel.c


class Wanted(NamedTuple):
    """What a list of services asks for. `image_rows`, `model_rows`: those that run one of these."""

    name: str | None = None
    compute_type: str | None = None
    image_rows: Sequence[int] | None = None
    model_rows: Sequence[int] | None = None
    labels: Having = ANY_LABELS


ANY = Wanted()
_MORE = (documents.hanging_on(Service.table, _m.service_row, _m.model_row).label("model_rows"),)


def find(db: Transaction, workspace_id: int, name: str) -> sa.Row[Any] | None:
    """By name, or by id (2018)."""
    named = documents.find_by(db, workspace_id, Service, _MORE, name=name)
    return named or documents.find_by(db, workspace_id, Service, _MORE, service_id=name)


def find_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    """Those that stand, in no order."""
    return documents.find_rows(db, workspace_id, Service, rows, _MORE)


def find_page(db: Transaction, workspace_id: int, paging: Paging, wanted: Wanted) -> Page:
    asked = ((_s.name, wanted.name), (_s.compute_type, wanted.compute_type))
    conditions: list[sa.ColumnElement[bool]] = [column == value for column, value in asked if value is not None]
    if wanted.image_rows is not None:
        conditions.append(_s.image_row.in_(wanted.image_rows))
    if wanted.model_rows is not None:
        conditions.append(_runs_model(workspace_id, wanted.model_rows))
    return documents.find_page(db, workspace_id, Service, paging, *conditions, labels=wanted.labels, more=_MORE)


# allow-workspace: because a sweep probes the services of all workspaces and learns from it where each is
def probed(db: Transaction, *, after: int, limit: int) -> list[sa.Row[Any]]:
    """(row_id, workspace_id, name, state, scoring_uri) of services to be probed, in workspaces that stand."""
    found = (
        sa.select(_s.row_id, _s.workspace_id, _s.name, _s.state, _s.scoring_uri)
        .join(Workspace.table, _s.workspace_id == Workspace.c.workspace_id)
        .where(_s.is_probed, _s.scoring_uri.is_not(None), _s.hidden_at.is_(None), _s.row_id > after)
        .where(Workspace.c.hidden_at.is_(None))
        .order_by(_s.row_id)
        .limit(limit)
    )
    return list(db.execute(found))


def _runs_model(workspace_id: int, model_rows: Sequence[int]) -> sa.ColumnElement[bool]:
    """Itself, or in its image."""
    itself = sa.select(_m.service_row).where(checked(_m.workspace_id) == workspace_id, _m.model_row.in_(model_rows))
    images = sa.select(ImageModel.c.image_row).where(ImageModel.c.model_row.in_(model_rows))
    return sa.or_(_s.row_id.in_(itself), _s.image_row.in_(images))
