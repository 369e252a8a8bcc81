"""The documents of this façade as an export writes them to `rest/`: one writer per noun, given by the worker.

Canonical: no host, no caller, no page. What names a person is null, as the bag's tables carry random member ids.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from freehold.api.azure.artifact_shapes import artifact_out
from freehold.api.azure.experiment_shapes import experiment_out
from freehold.api.azure.rest_documents import PERSON, ContainerDocument, Documents, Noun, workspace_of
from freehold.api.azure.run_shapes import run_out
from freehold.api.azure.task_shapes import task_out
from freehold.api.azure2020.compute_shapes import compute_out
from freehold.api.azure2020.dataset_shapes import dataset_out
from freehold.api.azure2020.datastore_shapes import datastore_out
from freehold.api.azure2020.image_shapes import image_out
from freehold.api.azure2020.model_shapes import asset_out, model_out
from freehold.api.azure2020.pipeline_data_shapes import source_out
from freehold.api.azure2020.pipeline_graph_shapes import graph_out
from freehold.api.azure2020.pipeline_module_shapes import module_out
from freehold.api.azure2020.pipeline_run_shapes import pipeline_run_out
from freehold.api.azure2020.pipeline_template_shapes import template_out
from freehold.api.azure2020.service_shapes import service_out
from freehold.api.azure2020.workspace_shapes import workspace_document
from freehold.domain.access.kinds import Kind
from freehold.domain.assets import service as assets
from freehold.domain.computes import service as computes
from freehold.domain.datasets import service as datasets
from freehold.domain.datastores import service as datastores
from freehold.domain.images import service as images
from freehold.domain.listing.service import roots_of
from freehold.domain.models import service as models
from freehold.domain.notifications import service as notifications
from freehold.domain.pipelines import graphs, objects
from freehold.domain.pipelines import rules as pipeline_rules
from freehold.domain.pipelines import runs as pipeline_runs
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.runs.views import RunView
from freehold.domain.secrets.texts import labels_without_secrets, without_secrets
from freehold.domain.services import service as services
from freehold.domain.whole import service as whole
from freehold.lifecycle.selection import Selection, Target
from freehold.records.artifacts import Artifact
from freehold.records.assets import Asset, Model
from freehold.records.experiments import Experiment
from freehold.records.notifications import Task
from freehold.records.outside import Compute, Dataset, Datastore
from freehold.records.pipelines import PipelineGraph, PipelineObject
from freehold.records.runs import Run
from freehold.records.serving import Image, Service
from freehold.storage.transaction import Transaction

_VOLATILE = "it is made anew at every answer"


class Experiments:
    name = "experiments"
    withheld: Mapping[str, str] = {}

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/history/v1.0{WS}/experiments`, in order of creation."""
        leaving = Selection(chosen).leaving(Experiment)
        for page in whole.experiments(db, workspace_of(db, chosen), leaving):
            for found in page:
                description, tags = map(labels_without_secrets, (found.description, found.tags))
                yield experiment_out(found._replace(description=description, tags=tags))


class Runs:
    name = "runs"
    withheld: Mapping[str, str] = {
        "createdBy": PERSON,
        "userId": PERSON,
        "token": _VOLATILE,
        "tokenExpiryTimeUtc": _VOLATILE,
    }

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/history/v1.0{WS}/experiments/{e}/runs`, in order of creation."""
        workspace = workspace_of(db, chosen)
        for page in whole.runs(db, workspace, Selection(chosen).leaving(Run)):
            roots = roots_of(db, workspace, page)
            yield from (run_out(_parted(run), roots.get(run.row_id, run.run_id)) for run in page)
            del page  # before the next is read: it may be large


def _parted(run: RunView) -> RunView:
    """As its tables have it: clients write of themselves where their code came from, and whoever may read that."""
    return run._replace(
        description=labels_without_secrets(run.description),
        target=labels_without_secrets(run.target),
        script_name=labels_without_secrets(run.script_name),
        details=without_secrets(run.details),
        properties=labels_without_secrets(run.properties),
        tags=labels_without_secrets(run.tags),
        parameters=labels_without_secrets(run.parameters),
    )


class Artifacts:
    name = "artifacts"
    withheld: Mapping[str, str] = {}

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """`GET …/artifact/v2.0{WS}/artifacts/{origin}/{container}`, in order of their names."""
        leaving = Selection(chosen).leaving(Artifact)
        for page in whole.artifacts(db, workspace_of(db, chosen), leaving):
            yield from map(artifact_out, page)


_CREATOR = ("CreatedBy", "LastUpdatedBy")


def _of_kind(name: str, kind: str, out: Callable[[ObjectView], Any], persons: Sequence[str]) -> Documents[ObjectView]:
    """The pipeline objects of one kind."""
    return Documents(
        Noun(name, PipelineObject, _WORKSPACES),
        lambda db, workspace, rows: objects.views_of(db, workspace, rows, kind),
        lambda _, found: out(found),
        persons,
    )


_WORKSPACES = frozenset({Kind.WORKSPACE, Kind.PROJECT})
WRITERS = (
    ContainerDocument(
        "workspaces",
        Kind.WORKSPACE,
        lambda found: workspace_document(found, "", None),
        ["properties.discoveryUrl", "identity.tenantId"],
    ),
    Experiments(),
    Runs(),
    Artifacts(),
    Documents(Noun("models", Model, _WORKSPACES), models.views_of, lambda _, found: model_out(found), ["createdBy"]),
    Documents(Noun("assets", Asset, _WORKSPACES), assets.views_of, lambda _, found: asset_out(found)),
    Documents(
        Noun("images", Image, _WORKSPACES),
        images.views_of,
        lambda _, found: image_out(found),
        ["createdBy", "modelDetails.createdBy"],
    ),
    Documents(
        Noun("services", Service, _WORKSPACES),
        services.views_of,
        lambda _, found: service_out(found),
        ["createdBy", "imageDetails.createdBy", "imageDetails.modelDetails.createdBy", "models.createdBy"],
    ),
    Documents(Noun("computes", Compute, _WORKSPACES), computes.views_of, compute_out),
    Documents(
        Noun("datastores", Datastore, _WORKSPACES),
        datastores.views_of,
        lambda _, found: datastore_out(found),
        ["createdBy"],
    ),
    Documents(
        Noun("datasets", Dataset, _WORKSPACES),
        datasets.views_of,
        lambda _, found: dataset_out(found),
        ["createdBy", "latest.createdBy"],
    ),
    Documents(
        Noun("tasks", Task, _WORKSPACES),
        notifications.views_of,
        task_out,
        ["userObjectId", "userTenantId", "notifications.userObjectId"],
    ),
    Documents(
        Noun("pipeline-runs", PipelineObject, _WORKSPACES),
        pipeline_runs.views_of,
        lambda _, found: pipeline_run_out(found),
        _CREATOR,
    ),
    Documents(
        Noun("pipeline-graphs", PipelineGraph, _WORKSPACES),
        graphs.views_of,
        lambda _, found: graph_out(found),
        _CREATOR,
    ),
    _of_kind("modules", pipeline_rules.MODULE, module_out, ["Data.CreatedBy", "Data.LastUpdatedBy"]),
    _of_kind("templates", pipeline_rules.TEMPLATE, template_out, _CREATOR),
    _of_kind("data-sources", pipeline_rules.DATA_SOURCE, source_out, _CREATOR),
)
"""Secrets are in none of these documents. Most are kept apart, and only a GET by who has the right joins them."""
