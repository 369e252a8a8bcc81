"""Rows of assets and their files."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import Having, Page, Paging
from freehold.domain.runs import queries as run_queries
from freehold.records.artifacts import Artifact, StoredObject
from freehold.records.assets import Asset, AssetFile
from freehold.records.runs import Run
from freehold.storage.portable import begins_with, checked
from freehold.storage.transaction import Transaction

_f, _a, _o = AssetFile.c, Artifact.c, StoredObject.c
_MORE = (
    run_queries.of_run(Asset.c.run_row, Run.c.run_id).label("run_id"),
    run_queries.of_run(Asset.c.run_row, Run.c.data_container_id).label("run_container"),
)


def find(db: Transaction, workspace_id: int, asset_id: str) -> sa.Row[Any] | None:
    return documents.find_by(db, workspace_id, Asset, _MORE, asset_id=asset_id)


def find_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    """Those that stand, in no order."""
    return documents.find_rows(db, workspace_id, Asset, rows, _MORE)


def says(words: str) -> sa.ColumnElement[bool]:
    """Assets whose document has a text that begins so."""
    return sa.type_coerce(Asset.c.document, sa.Text()).contains(f'"{words}', autoescape=True)


def find_page(
    db: Transaction, workspace_id: int, paging: Paging, *, name: str | None, run_row: int | None, labels: Having
) -> Page:
    """`run_row`: only those made of this run."""
    conditions = [Asset.c.name == name] if name is not None else []
    conditions += [Asset.c.run_row == run_row] if run_row is not None else []
    return documents.find_page(db, workspace_id, Asset, paging, *conditions, labels=labels, more=_MORE)


def add_files(
    db: Transaction,
    workspace_id: int,
    asset_row: int,
    origin: str,
    container: str,
    path: str,
    *,
    below: str,
) -> int:
    """Files of the asset for all artifacts at or below `path`, each below the folder `below`; how many."""
    placed = sa.literal(below, sa.Text()) + _a.path if below else _a.path
    source = sa.select(
        _a.workspace_id, sa.literal(asset_row, sa.BigInteger()), _a.object_row, placed, _a.content_type
    ).where(_at(workspace_id, origin, container, path), _a.object_row.is_not(None))
    names = ["workspace_id", "asset_row", "object_row", "path", "content_type"]
    return db.execute(AssetFile.table.insert().from_select(names, source)).rowcount


def claim(db: Transaction, workspace_id: int, asset_row: int, origin: str, container: str, path: str) -> int:
    """Uploads that belong to nothing yet belong to this asset from now on; how many."""
    free = sa.and_(_a.run_row.is_(None), _a.asset_row.is_(None))
    here = sa.and_(_at(workspace_id, origin, container, path), free)
    return db.execute(Artifact.table.update().where(here).values(asset_row=asset_row)).rowcount


def run_of(db: Transaction, workspace_id: int, container: str) -> int | None:
    """The standing run whose artifacts a container holds."""
    r = Run.c
    mine = sa.or_(r.data_container_id == container, r.run_id == container)
    found = sa.select(r.row_id).where(r.workspace_id == workspace_id, mine, r.hidden_at.is_(None))
    return db.execute(found).scalar()


def container_of(db: Transaction, workspace_id: int, run_row: int) -> str:
    found = sa.select(Run.c.data_container_id).where(Run.c.workspace_id == workspace_id, Run.c.row_id == run_row)
    return str(db.execute(found).scalar_one())


def find_file(db: Transaction, workspace_id: int, asset_id: str, path: str) -> sa.Row[Any] | None:
    """As a row of artifacts, with the object joined in."""
    return db.execute(_select_files(workspace_id, asset_id).where(_f.path == path)).first()


def list_files(
    db: Transaction, workspace_id: int, asset_id: str, *, prefix: str, after: str, limit: int
) -> list[sa.Row[Any]]:
    """By path, after the path `after`."""
    found = _select_files(workspace_id, asset_id).where(_f.path > after, begins_with(_f.path, prefix))
    return list(db.execute(found.order_by(_f.path).limit(limit)))


def files_of(db: Transaction, workspace_id: int, rows: Sequence[int], *, limit: int) -> list[sa.Row[Any]]:
    """(asset_row, path) of the files of some assets, by asset and path."""
    found = sa.select(_f.asset_row, _f.path).where(checked(_f.workspace_id) == workspace_id, _f.asset_row.in_(rows))
    return list(db.execute(found.order_by(_f.asset_row, _f.path).limit(limit))) if rows else []


def newest_of(db: Transaction, workspace_id: int, names: Sequence[str]) -> set[int]:
    """The newest standing row of each name."""
    c = Asset.c
    found = (
        sa.select(sa.func.max(c.row_id))
        .where(c.workspace_id == workspace_id, c.name.in_(names), c.hidden_at.is_(None))
        .group_by(c.name)
    )
    return set(db.execute(found).scalars()) if names else set()


def _select_files(workspace_id: int, asset_id: str) -> sa.Select[Any]:
    columns = (
        _f.row_id,
        sa.literal("Asset").label("origin"),
        Asset.c.asset_id.label("container"),
        _f.path,
        _f.object_row,
        _o.object_key,
        _o.size,
        _o.sha256,
        _f.content_type,
        _o.sha256.label("etag"),
        Asset.c.created_at,
        Asset.c.updated_at,
    )
    source = AssetFile.table.join(Asset.table, _f.asset_row == Asset.c.row_id).join(
        StoredObject.table, _f.object_row == _o.row_id
    )
    mine = (_f.workspace_id == workspace_id, Asset.c.asset_id == asset_id, Asset.c.hidden_at.is_(None))
    return sa.select(*columns).select_from(source).where(*mine)


def _at(workspace_id: int, origin: str, container: str, path: str) -> sa.ColumnElement[bool]:
    """The artifact of this path, or those in the folder of this path; the whole container for an empty one."""
    named: sa.ColumnElement[bool] = sa.true()
    if path:
        named = sa.or_(_a.path == path, begins_with(_a.path, f"{path.rstrip('/')}/"))
    return sa.and_(_a.workspace_id == workspace_id, _a.origin == origin, _a.container == container, named)
