"""Calls that go on from a document that stands: change it, copy it, submit it."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from freehold.lifecycle.selection import key_of
from freehold.records.outside import Compute, Dataset, DatasetDefinition
from freehold.records.pipelines import PipelineObject
from freehold.storage.transaction import Transaction
from tests.lifecycle.imports.readers import IDS, Question
from tests.lifecycle.imports.spoiling import Document

_PIPELINES, _MODELS, _HISTORY = "/pipelines/v1.0{at}", "/modelmanagement/v1.0{at}", "/history/v1.0{at}"
_DATASET = "/dataset/v1.0{at}/datasets/{id}"
_CLUSTERS = "/providers/Microsoft.MachineLearningCompute/operationalizationClusters"
_ASSIGNED = {
    "ExperimentName": "x",
    "ParameterAssignments": {"a": "b"},
    "DataPathAssignments": {"a": {}},
    "DataSetDefinitionValueAssignments": {"a": {}},
}
_NAMED = {"Name": "changed", "Description": "changed"}
_PATCH = [{"op": "replace", "path": "/description", "value": "changed"}]
_WARNING = {"name": "Microsoft.MachineLearning.Run.Warning", "data": {"RunId": "opened", "Message": "w"}}
_ROUTES: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "assets.document": (("PATCH", f"{_MODELS}/assets/{{id}}", _PATCH),),
    "models.document": (("PATCH", f"{_MODELS}/models/{{id}}", _PATCH),),
    "images.document": (("PATCH", f"{_MODELS}/images/{{id}}", _PATCH),),
    "services.document": (("PATCH", f"{_MODELS}/services/{{id}}", _PATCH),),
    "computes.document": (
        ("PATCH", "{at}/computes/{id}?api-version=2019-11-01", {"properties": {"scaleSettings": {}}}),
        ("PUT", "{at}/computes/{id}?api-version=2019-11-01", {"properties": {"computeType": "AmlCompute"}}),
    ),
    "datastores.document": (("PUT", "/datastore/v1.0{at}/datastores/raw", {"dataStoreType": "AzureBlob"}),),
    "datasets.document": (("PUT", _DATASET, {"description": "changed"}),),
    "dataset_definitions.document": (
        ("PUT", f"{_DATASET}/definitions/1", {"dataflow": "changed"}),
        ("GET", f"{_DATASET}/definitions/1/path", None),
        ("GET", "/dataset/v1.0{at}/saveddatasets/{id}", None),
        ("GET", "/data/v1.0{at}/dataversion/opened/versions/1", None),
    ),
    "runs.details": (
        ("POST", f"{_HISTORY}/runs/opened/events", _WARNING),
        ("PATCH", f"{_HISTORY}/experiments/digits/runs/opened", {"target": "changed"}),
    ),
    "pipeline_graphs.document": (
        ("PUT", f"{_PIPELINES}/GraphDrafts/{{id}}", {"ModuleNodes": []}),
        ("GET", f"{_PIPELINES}/PipelineDrafts/ClonePublished/{{pipeline}}", None),
        ("GET", f"{_PIPELINES}/PipelineDrafts/ClonePipelineRun/{{run}}", None),
        ("POST", f"{_PIPELINES}/PipelineRuns/{{run}}/Graph/AllNodes/Status", []),
    ),
    "pipeline_drafts.document": (
        ("GET", f"{_PIPELINES}/PipelineDrafts/Clone/{{id}}", None),
        ("PUT", f"{_PIPELINES}/PipelineDrafts/{{id}}", {"Name": "changed"}),
        ("POST", f"{_PIPELINES}/PipelineDrafts", {"team": "digits"}),
        ("POST", f"{_PIPELINES}/PipelineRuns/PipelineDraftSubmit", {"Id": "{id}"}),
        ("POST", f"{_PIPELINES}/Pipelines/PipelineDraftCreate", {"Id": "{id}"}),
    ),
    "pipeline_objects.document pipeline": (
        ("GET", f"{_PIPELINES}/PipelineDrafts/ClonePublished/{{id}}", None),
        ("POST", f"{_PIPELINES}/PipelineRuns/PipelineSubmit/{{id}}", _ASSIGNED),
        ("POST", f"{_PIPELINES}/PipelineRuns/PipelineSubmit/{{id}}", {}),
    ),
    "pipeline_objects.document template": (("POST", f"{_PIPELINES}/Experiments/TemplateSubmit/{{id}}", {"a": "b"}),),
    "pipeline_objects.document pipeline_run": (
        ("GET", f"{_PIPELINES}/PipelineDrafts/ClonePipelineRun/{{id}}", None),
        ("PUT", f"{_PIPELINES}/PipelineRuns/{{id}}", {"Description": "changed"}),
        ("POST", f"{_PIPELINES}/Templates/Create", {"ExperimentId": "{id}", "Name": "x"}),
    ),
    "pipeline_objects.document pipeline_endpoint": (
        ("PUT", f"{_PIPELINES}/PipelineEndpoints/{{id}}", {"Description": "changed"}),
        ("POST", f"{_PIPELINES}/PipelineRuns/PipelineEndpointSubmit/Id/{{id}}", _ASSIGNED),
    ),
    "pipeline_objects.document module": (
        ("PUT", f"{_PIPELINES}/Modules/{{id}}", _NAMED),
        ("POST", f"{_PIPELINES}/AzureMLModuleVersions", {"Name": "n", "AmlModuleId": "{azureml_module}"}),
    ),
    "pipeline_objects.document azureml_module": (
        ("PUT", f"{_PIPELINES}/AzureMLModules/{{id}}", _NAMED),
        ("POST", f"{_PIPELINES}/AzureMLModuleVersions", {"Name": "n", "AmlModuleId": "{id}"}),
    ),
    "pipeline_objects.document schedule": (("PUT", f"{_PIPELINES}/Schedules/{{id}}", {"Name": "changed"}),),
    "pipeline_objects.document data_source": (("PUT", f"{_PIPELINES}/DataSources/{{id}}", _NAMED),),
    "pipeline_objects.document data_type": (("PUT", f"{_PIPELINES}/DataTypes/{{id}}", _NAMED),),
    "workspaces.properties workspace": (("PUT", "{at}?api-version=2019-11-01", {"location": "local"}),),
    "workspaces.properties cluster": (
        ("POST", f"{{group}}{_CLUSTERS}/full/listKeys?api-version=2017-08-01-preview", {}),
    ),
}
_ROUTES["pipeline_graphs.interface"] = _ROUTES["pipeline_graphs.layout"] = _ROUTES["pipeline_graphs.document"]
"""Noun → method, path and body; what stands in braces is filled in."""


def questions(db: Transaction, document: Document, workspace: str) -> list[Question]:
    known = dict(_known(db, document)) | {"at": workspace, "group": workspace.partition("/providers/")[0]}
    asked = _ROUTES.get(document.of, ())
    return [Question(method, _filled(path, known), _filled(body, known)) for method, path, body in asked]


def _filled(part: Any, known: dict[str, str]) -> Any:
    if isinstance(part, dict):
        return {key: _filled(each, known) for key, each in part.items()}
    return part.format(**known) if isinstance(part, str) else part


def _known(db: Transaction, document: Document) -> Iterator[tuple[str, str]]:
    """Its own id, and one of each kind of pipeline object."""
    kinds = {"pipeline": "pipeline", "run": "pipeline_run", "azureml_module": "azureml_module"}
    for name, kind in kinds.items():
        found = sa.select(PipelineObject.c.pipeline_object_id).where(PipelineObject.c.kind == kind)
        yield name, str(db.execute(found.limit(1)).scalar())
    table = document.record.table
    named_by = {each.table: each for each in (*IDS, Compute.c.name, Dataset.c.dataset_id)}
    if document.record is DatasetDefinition:
        own = sa.select(Dataset.c.dataset_id).join(table, DatasetDefinition.c.dataset_row == Dataset.c.row_id)
    elif table in named_by:
        own = sa.select(named_by[table])
    else:
        return
    yield "id", str(db.execute(own.where(key_of(table) == document.key)).scalar())
