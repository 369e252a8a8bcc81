"""Chosen rows in order of creation, after an integer key; artifacts in order of their names."""

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from freehold.domain.artifacts import queries as artifact_queries
from freehold.domain.runs.queries import select_runs
from freehold.records.artifacts import Artifact
from freehold.records.assets import Label
from freehold.records.catalogue import Record
from freehold.records.columns import Json, Text
from freehold.records.experiments import Experiment, ExperimentTag
from freehold.records.notifications import Notification
from freehold.records.outside import DatasetDefinition
from freehold.records.rules import LinkKind
from freehold.records.runs import Run, RunParameter, RunProperty, RunTag
from freehold.storage.portable import octets
from freehold.storage.transaction import Transaction

_r, _e, _a = Run.c, Experiment.c, Artifact.c
_PARTS: tuple[type[Record], ...] = (
    ExperimentTag,
    RunParameter,
    RunTag,
    RunProperty,
    Label,
    DatasetDefinition,
    Notification,
)
Number = sa.ColumnElement[int]
Chosen = sa.ColumnElement[bool]
"""The condition that picks rows of a record: `Selection.leaving`. It leaves out what an erasure has hidden."""


def find_experiments(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    found = sa.select(*Experiment.table.columns).where(_e.workspace_id == workspace_id, _e.row_id.in_(rows))
    return list(db.execute(found.order_by(_e.row_id)))


def find_runs(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    return list(db.execute(select_runs(workspace_id).where(_r.row_id.in_(rows)).order_by(_r.row_id)))


def list_artifacts(
    db: Transaction, workspace_id: int, chosen: Chosen, after: tuple[str, str, str], limit: int
) -> list[sa.Row[Any]]:
    """In order of their names, as tables of objects have them: an import keeps no order of arrival among them."""
    name = (_a.origin, _a.container, _a.path)
    found = (
        sa.select(*artifact_queries.COLUMNS)
        .select_from(artifact_queries.JOINED)
        .where(_a.workspace_id == workspace_id, sa.tuple_(*name) > after, chosen)
    )
    return list(db.execute(found.order_by(*name).limit(limit)))


def list_weighed(
    db: Transaction,
    workspace_id: int,
    record: type[Record],
    chosen: Chosen,
    after: int,
    limit: int,
) -> list[tuple[int, int]]:
    """Key and weight of the rows of a record that `chosen` picks: the bytes of their texts and documents, and of
    what is read with them."""
    c = record.c
    page = sa.select(c.row_id).where(c.workspace_id == workspace_id, c.row_id > after, chosen)
    page = page.order_by(c.row_id).limit(limit)
    parts = (_bytes_of_part(workspace_id, part, link, c.row_id) for part, link in _parts(record))
    weight = sum(parts, start=_bytes(record)).label("weight")
    weighed = sa.select(c.row_id, weight).where(c.workspace_id == workspace_id, c.row_id.in_(page))
    return [(row.row_id, int(row.weight)) for row in db.execute(weighed.order_by(c.row_id))]


def _parts(record: type[Record]) -> Iterator[tuple[type[Record], sa.Column[int]]]:
    """Records whose texts stand in a document of this one, each with its link to it."""
    for part in _PARTS:
        for column in part.table.columns:
            link = column.info.get("link")
            if link is not None and link.kind is LinkKind.DEEP and link.to == record.table.name:
                yield part, column


def _bytes_of_part(workspace_id: int, part: type[Record], link: sa.Column[int], row: sa.Column[int]) -> Number:
    total = sa.func.coalesce(sa.func.sum(_bytes(part)), 0)
    return sa.select(total).where(part.c.workspace_id == workspace_id, link == row).scalar_subquery()


def _bytes(record: type[Record]) -> Number:
    texts = (column for column in record.table.columns if isinstance(column.type, Text | Json))
    return sum((sa.func.coalesce(octets(text), 0) for text in texts), start=sa.literal(0))
