"""What the designer and the pipeline service keep: graphs, and the entities that are made of them."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import json, key, link, moment, plain, text, workspace
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rows,
    Rules,
    Scope,
    Writes,
    alone,
)

_DRAWN = Rules(
    Container.WORKSPACE,
    Rows(alone(Scope.PIPELINE_OBJECT, Scope.PIPELINE_DRAFT)),
    Removed(),
    Writes.GROWING,
    KEPT_UNTIL_ERASED,
)
_OBJECT = Rules(Container.WORKSPACE, Rows(alone(Scope.PIPELINE_OBJECT)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)
_DRAFT = Rules(Container.WORKSPACE, Rows(alone(Scope.PIPELINE_DRAFT)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class PipelineGraph(Record, table="pipeline_graphs", rules=_DRAWN):
    """Nodes and edges, with the interface and the layout that came with them. It goes with the last that uses it."""

    row_id = key()
    workspace_id = workspace()
    graph_id = text(plain())
    document = json(plain())
    interface = json(plain(), null=True)
    layout = json(plain(), null=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("graph_id", "workspace_id")


class PipelineObject(Record, table="pipeline_objects", rules=_DRAWN):
    """`kind`: pipeline_run, pipeline, module, azureml_module (a name over versions), template, data_source, data_type,
    schedule, pipeline_endpoint or graph_draft (a draft's hold on its graph, under the graph's id).

    A pipeline run goes with the run of the same id in the run history. `pipeline_row` is what an object belongs to: a
    run to its pipeline, a schedule to a pipeline or endpoint, a template to the run it was made of, a version to its
    module. `schedule_row`: of a run, the schedule that it was submitted by.
    """

    row_id = key()
    workspace_id = workspace()
    pipeline_object_id = text(plain())
    kind = text(plain())
    name = text(plain(), null=True)
    digest = text(plain(), null=True)
    status = text(plain())
    document = json(plain())
    graph_row = link("pipeline_graphs", LinkKind.REFCOUNT, null=True, index=True)
    pipeline_row = link("pipeline_objects", LinkKind.SHALLOW, null=True, index=True)
    schedule_row = link("pipeline_objects", LinkKind.SHALLOW, null=True, index=True)
    run_row = link("runs", LinkKind.DEEP, null=True, index=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "kind", "pipeline_object_id")
        yield Index(None, "workspace_id", "kind", "created_at")
        yield Index(None, "workspace_id", "kind", "digest")
        yield Index(None, "workspace_id", "kind", "name")


class EndpointVersion(Record, table="endpoint_versions", rules=_OBJECT):
    """One version of a pipeline endpoint, by the name that a client gave it. It stays when its pipeline is erased, with
    nothing to submit: the name may be the endpoint's default."""

    row_id = key()
    workspace_id = workspace()
    endpoint_row = link("pipeline_objects", LinkKind.DEEP)
    version_name = text(plain())
    pipeline_row = link("pipeline_objects", LinkKind.SHALLOW, null=True, index=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("endpoint_row", "version_name", "workspace_id")


class PipelineDraft(Record, table="pipeline_drafts", rules=_DRAFT):
    """A pipeline being drawn; it may be deleted at any time.

    `graph_draft_row` is what it is drawn on, which goes with the last draft on it; `graph_row` the graph of that, whose
    hold it is: the draft itself keeps no graph. Of what it was cloned from, and of the run it was submitted as last, it
    says the id only as long as that stands.
    """

    row_id = key()
    workspace_id = workspace()
    pipeline_draft_id = text(plain())
    name = text(plain())
    document = json(plain())
    graph_row = link("pipeline_graphs", LinkKind.SHALLOW, null=True, index=True)
    graph_draft_row = link("pipeline_objects", LinkKind.REFCOUNT, null=True, index=True)
    parent_pipeline_row = link("pipeline_objects", LinkKind.SHALLOW, null=True, index=True)
    parent_run_row = link("runs", LinkKind.SHALLOW, null=True, index=True)
    parent_draft_row = link("pipeline_drafts", LinkKind.SHALLOW, null=True, index=True)
    last_run_row = link("runs", LinkKind.SHALLOW, null=True, index=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("pipeline_draft_id", "workspace_id")
        yield Index(None, "workspace_id", "created_at")


class EarlierGraphDraft(Record, table="earlier_graph_drafts", rules=_DRAFT):
    """What a draft was drawn on before it was given another graph draft: it goes with the last that is or was drawn on
    it."""

    row_id = key()
    workspace_id = workspace()
    draft_row = link("pipeline_drafts", LinkKind.DEEP)
    graph_draft_row = link("pipeline_objects", LinkKind.REFCOUNT, null=True, index=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("draft_row", "graph_draft_row", "workspace_id")
