"""Rows of graphs, of the objects made of them, and of drafts."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from freehold.domain.access import queries as access
from freehold.domain.documents import queries as documents
from freehold.domain.documents.queries import More, Page, Paging
from freehold.domain.pipelines.rules import ACTIVE, GRAPH_DRAFT, PIPELINE
from freehold.domain.runs.queries import select_runs
from freehold.records.catalogue import Record
from freehold.records.experiments import Experiment
from freehold.records.outside import Datastore
from freehold.records.pipelines import EarlierGraphDraft, EndpointVersion, PipelineDraft, PipelineGraph, PipelineObject
from freehold.records.runs import Run
from freehold.storage.portable import checked, upsert
from freehold.storage.transaction import Transaction

_o, _g, _d, _e, _r = PipelineObject.c, PipelineGraph.c, PipelineDraft.c, EndpointVersion.c, Run.c


class Origin(NamedTuple):
    """What a draft links to by `link`; the column `called` of that has its id."""

    link: "sa.ColumnClause[Any]"
    record: type[Record]
    called: str
    kind: str | None = None

    def told(self, name: str) -> sa.ColumnElement[Any]:
        """The id, as long as what has it stands."""
        its = self.record.table.alias(name).c
        return documents.behind(self.link, its[self.called], its.hidden_at.is_(None)).label(name)


LAST_RUN = "LastSubmittedPipelineRunId"
ORIGINS = {
    "ParentPipelineId": Origin(_d.parent_pipeline_row, PipelineObject, "pipeline_object_id", PIPELINE),
    "ParentPipelineRunId": Origin(_d.parent_run_row, Run, "run_id"),
    "ParentPipelineDraftId": Origin(_d.parent_draft_row, PipelineDraft, "pipeline_draft_id"),
    LAST_RUN: Origin(_d.last_run_row, Run, "run_id"),
}
"""By their names on the wire, under which they are read with each draft."""
_TOLD: More = tuple(origin.told(name) for name, origin in ORIGINS.items())


class Wanted(NamedTuple):
    """What a list of objects asks for. `under`: the row of the pipeline (endpoint, run, module) they belong to."""

    active_only: bool = False
    under: int | None = None
    name: str | None = None


ALL = Wanted()


def find(db: Transaction, workspace_id: int, kind: str, object_id: str) -> sa.Row[Any] | None:
    here = _standing(workspace_id, kind)
    return documents.find(db, workspace_id, PipelineObject, here, _o.pipeline_object_id == object_id)


def find_row(db: Transaction, workspace_id: int, kind: str, object_id: str) -> int | None:
    row = find(db, workspace_id, kind, object_id)
    return row.row_id if row is not None else None


def find_by_digest(db: Transaction, workspace_id: int, kind: str, digest: str) -> sa.Row[Any] | None:
    """The newest."""
    return documents.find_newest(db, workspace_id, PipelineObject, _standing(workspace_id, kind), _o.digest == digest)


def find_by_name(db: Transaction, workspace_id: int, kind: str, name: str) -> sa.Row[Any] | None:
    """The newest."""
    return documents.find_newest(db, workspace_id, PipelineObject, _standing(workspace_id, kind), _o.name == name)


def find_page(db: Transaction, workspace_id: int, kind: str, paging: Paging, wanted: Wanted) -> Page:
    conditions = _conditions(workspace_id, kind, wanted)
    return documents.find_page(db, workspace_id, PipelineObject, paging, *conditions)


def count(db: Transaction, workspace_id: int, kind: str, wanted: Wanted) -> int:
    found = sa.select(sa.func.count()).select_from(PipelineObject.table)
    here = sa.and_(_o.workspace_id == workspace_id, _o.hidden_at.is_(None))
    return int(db.execute(found.where(here, *_conditions(workspace_id, kind, wanted))).scalar_one())


def names_of(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, tuple[str, str]]:
    """Row → kind and id, of those that stand."""
    found = sa.select(_o.row_id, _o.kind, _o.pipeline_object_id).where(
        checked(_o.workspace_id) == workspace_id, _o.row_id.in_(rows), _o.hidden_at.is_(None)
    )
    return {row.row_id: (row.kind, row.pipeline_object_id) for row in db.execute(found)} if rows else {}


def find_graph(db: Transaction, workspace_id: int, graph_id: str) -> sa.Row[Any] | None:
    """One that something standing uses: with the last that is being erased, the graph is, too."""
    user = sa.select(_o.row_id).where(_o.graph_row == _g.row_id, _o.hidden_at.is_(None), _runs_stand(workspace_id))
    return db.execute(_select_graphs(workspace_id).where(_g.graph_id == graph_id, user.exists())).first()


def find_graph_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, sa.Row[Any]]:
    found = db.execute(_select_graphs(workspace_id).where(_g.row_id.in_(rows))) if rows else ()
    return {row.row_id: row for row in found}


def graph_ids(db: Transaction, workspace_id: int, rows: Sequence[int]) -> dict[int, str]:
    """Row → id."""
    found = sa.select(_g.row_id, _g.graph_id).where(checked(_g.workspace_id) == workspace_id, _g.row_id.in_(rows))
    return {row.row_id: row.graph_id for row in db.execute(found)} if rows else {}


def find_draft(db: Transaction, workspace_id: int, draft_id: str) -> sa.Row[Any] | None:
    return documents.find_by(db, workspace_id, PipelineDraft, _TOLD, pipeline_draft_id=draft_id)


def versions_of_endpoints(db: Transaction, workspace_id: int, endpoints: Sequence[int]) -> list[sa.Row[Any]]:
    """Each with its pipeline's row and id, both null where that does not stand; in the order they were given."""
    is_of = sa.and_(_o.workspace_id == _e.workspace_id, _o.row_id == _e.pipeline_row, _o.hidden_at.is_(None))
    source = EndpointVersion.table.outerjoin(PipelineObject.table, is_of)
    columns = (_e.endpoint_row, _e.version_name, _o.row_id.label("pipeline_row"), _o.pipeline_object_id)
    found = sa.select(*columns).select_from(source)
    here = (checked(_e.workspace_id) == workspace_id, _e.endpoint_row.in_(endpoints))
    return list(db.execute(found.where(*here).order_by(_e.row_id))) if endpoints else []


def put_versions(db: Transaction, workspace_id: int, endpoint: int, versions: Sequence[tuple[str, int | None]]) -> None:
    """Names and rows of pipelines, in place of all that stand."""
    here = sa.and_(_e.workspace_id == workspace_id, _e.endpoint_row == endpoint)
    db.execute(EndpointVersion.table.delete().where(here))
    mine: dict[str, Any] = {"workspace_id": workspace_id, "endpoint_row": endpoint}
    rows = [mine | {"version_name": name, "pipeline_row": row} for name, row in versions]
    if rows:
        db.execute(EndpointVersion.table.insert(), rows)


def find_origin(db: Transaction, workspace_id: int, name: str, its_id: Any) -> int | None:
    """The row of what has this id and stands."""
    origin = ORIGINS[name]
    c = origin.record.c
    kind = [c.kind == origin.kind] if origin.kind else []
    found = documents.keys_of(db, workspace_id, c.row_id, c[origin.called] == its_id, c.hidden_at.is_(None), *kind)
    return found[0] if found else None


def keep_earlier(db: Transaction, workspace_id: int, draft: int, graph_draft: int) -> None:
    """That the draft was drawn on this graph draft, however often it was."""
    new = upsert(db.connection, EarlierGraphDraft.table)
    values = {"workspace_id": workspace_id, "draft_row": draft, "graph_draft_row": graph_draft}
    db.execute(new.values(values).on_conflict_do_nothing())


def draft_page(db: Transaction, workspace_id: int, paging: Paging) -> Page:
    return documents.find_page(db, workspace_id, PipelineDraft, paging, more=_TOLD)


def graphs_without_hold(db: Transaction, workspace_id: int) -> list[int]:
    """Rows of graphs that a draft is drawn on without a graph draft."""
    drawn = sa.select(_d.graph_row).where(_d.workspace_id == workspace_id, _d.graph_draft_row.is_(None))
    held = _holds(workspace_id).where(_o.graph_row == _g.row_id).exists()
    here = sa.select(_g.row_id).where(_g.workspace_id == workspace_id, _g.row_id.in_(drawn), sa.not_(held))
    return list(db.execute(here.order_by(_g.row_id)).scalars())


def add_hold(db: Transaction, workspace_id: int, graph_row: int) -> None:
    """A graph draft of whoever made the graph, and as old."""
    made = sa.select(_g.graph_id, _g.row_id, _g.created_by, _g.created_at, _g.updated_at)
    graph = db.execute(made.where(checked(_g.workspace_id) == workspace_id, _g.row_id == graph_row)).one()
    values = {"kind": GRAPH_DRAFT, "status": ACTIVE, "document": {}, "pipeline_object_id": graph.graph_id}
    values |= {name: getattr(graph, name) for name in ("created_by", "created_at", "updated_at")}
    documents.add(db, workspace_id, PipelineObject, values | {"graph_row": graph_row})


def link_holds(db: Transaction, workspace_id: int) -> None:
    """Drafts without a graph draft get the one of their graph."""
    hold = _holds(workspace_id).where(_o.graph_row == _d.graph_row).scalar_subquery()
    here = sa.and_(_d.workspace_id == workspace_id, _d.graph_row.is_not(None), _d.graph_draft_row.is_(None))
    db.execute(PipelineDraft.table.update().where(here).values(graph_draft_row=hold))


def _holds(workspace_id: int) -> sa.Select[int]:
    return sa.select(_o.row_id).where(_o.workspace_id == workspace_id, _o.kind == GRAPH_DRAFT, _o.hidden_at.is_(None))


def run_rows(db: Transaction, workspace_id: int, rows: Sequence[int]) -> list[sa.Row[Any]]:
    """Rows of the run history, in no order."""
    return list(db.execute(select_runs(workspace_id).where(_r.row_id.in_(rows)))) if rows else []


def store_type_of(db: Transaction, workspace_id: int, datastore: str) -> str | None:
    """The type of a registered datastore; None where there is none of this name."""
    row = documents.find_by(db, workspace_id, Datastore, name=datastore)
    return row.store_type if row else None


def _conditions(workspace_id: int, kind: str, wanted: Wanted) -> Iterator[sa.ColumnElement[bool]]:
    yield _standing(workspace_id, kind)
    if wanted.active_only:
        yield _o.status == ACTIVE
    if wanted.under is not None:
        yield _o.pipeline_row == wanted.under
    if wanted.name is not None:
        yield _o.name == wanted.name


def _standing(workspace_id: int, kind: str) -> sa.ColumnElement[bool]:
    return sa.and_(_o.kind == kind, _runs_stand(workspace_id))


def _runs_stand(workspace_id: int) -> sa.ColumnElement[bool]:
    """Only a run itself is hidden when its erasure begins, or set aside: its pipeline run goes out of sight with it."""
    standing = (
        sa.select(_r.row_id)
        .join(Experiment.table, _r.experiment_row == Experiment.c.row_id)
        .where(_r.workspace_id == workspace_id, _r.row_id == _o.run_row)
        .where(_r.hidden_at.is_(None), _r.deleted_at.is_(None), Experiment.c.hidden_at.is_(None))
    )
    return sa.or_(_o.run_row.is_(None), standing.exists())


def _select_graphs(workspace_id: int) -> sa.Select[Any]:
    source = access.with_authors(PipelineGraph.table, _g.created_by)
    columns = (*PipelineGraph.table.columns, *access.AUTHOR_COLUMNS)
    return sa.select(*columns).select_from(source).where(_g.workspace_id == workspace_id)
