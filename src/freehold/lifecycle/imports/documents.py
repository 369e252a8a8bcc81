"""What the domain itself opens of the documents that it keeps. What only a façade reads, that façade declares."""

from typing import Annotated, Any, Literal

import msgspec

from freehold.domain.datasets.rules import ACTIVE, ARCHIVED, DEPRECATED, PENDING, SAVED
from freehold.domain.pipelines import rules as pipelines
from freehold.lifecycle.imports.shapes import Data, OfKind, Shape, Shapes
from freehold.records.assets import Asset, Model
from freehold.records.metrics import StructuredMetric
from freehold.records.outside import Compute, DatasetDefinition
from freehold.records.pipelines import PipelineDraft, PipelineGraph, PipelineObject
from freehold.records.rules import COUNTED, MOMENTS
from freehold.records.runs import Run

Version = Annotated[int, msgspec.Meta(ge=COUNTED.least, le=COUNTED.most)]
Moment = Annotated[int, msgspec.Meta(ge=MOMENTS.least, le=MOMENTS.most)]
Texts = dict[str, str | None]
"""One whose name is that of a secret leaves without its value."""


class _Asset(msgspec.Struct, rename="camel"):
    version: Version
    artifacts: list[dict[str, str]]
    owns: bool
    of_run: bool
    given: Data


class _Model(msgspec.Struct):
    url: str | None


class _Metric(msgspec.Struct):
    columns: Texts
    values: list[tuple[Moment, int | None, Data]]
    extras: Data


class _Run(msgspec.Struct):
    warnings: list[Any] = msgspec.field(default_factory=list)


class _Compute(msgspec.Struct):
    properties: Data | None = None


class _Definition(msgspec.Struct, rename="camel"):
    state: Literal[ACTIVE, ARCHIVED, DEPRECATED, PENDING, SAVED]  # type: ignore[valid-type]  # constants of the domain
    saved_dataset_id: str | None = None


class _Node(msgspec.Struct, rename="pascal"):
    id: str


class _Graph(msgspec.Struct, rename="pascal"):
    module_nodes: list[_Node]
    dataset_nodes: list[_Node]
    edges: list[Data]


class _Interface(msgspec.Struct, rename="pascal"):
    ports: Data | None = None


class _Assigning(msgspec.Struct, rename="pascal", kw_only=True):
    """What is submitted with assignments of its own: others are laid over them."""

    description: str | None = None
    parameter_assignments: Data | None = None
    data_path_assignments: Data | None = None
    data_set_definition_value_assignments: Data | None = None


class _PipelineRun(_Assigning, kw_only=True):
    """An older release wrote the schedule here; today it is a link, as is what a draft comes from."""

    is_submitted: bool
    total_run_steps: int
    schedule_id: str | None = None


class _Published(_Assigning, kw_only=True):
    tags: Texts | None = msgspec.field(name="tags", default=None)
    properties: Texts | None = None


class _StructuredInterface(msgspec.Struct, rename="pascal"):
    inputs: list[Data] | None = None
    outputs: list[Data] | None = None
    parameters: list[Data] | None = None
    metadata_parameters: list[Data] | None = None


class _Module(msgspec.Struct, rename="pascal"):
    structured_interface: _StructuredInterface | None = None
    version: str = ""


class _VersionOfEndpoint(msgspec.Struct, rename="pascal"):
    version: str
    pipeline_id: str


class _Endpoint(msgspec.Struct, rename="pascal"):
    """An older release wrote its versions here; today they are rows of their own."""

    default_version: str
    pipeline_version_list: list[_VersionOfEndpoint] = msgspec.field(default_factory=list)


class _Submission(_Assigning, kw_only=True):
    experiment_name: str | None = None


class _Draft(msgspec.Struct, rename="pascal"):
    description: str | None = None
    tags: Texts | None = msgspec.field(name="tags", default=None)
    properties: Texts | None = None
    pipeline_submission_info: _Submission | None = None
    parent_pipeline_id: str | None = None
    parent_pipeline_run_id: str | None = None
    parent_pipeline_draft_id: str | None = None
    last_submitted_pipeline_run_id: str | None = None


_OBJECTS: dict[str, Shape] = {
    pipelines.PIPELINE_RUN: _PipelineRun,
    pipelines.PIPELINE: _Published,
    pipelines.TEMPLATE: _Published,
    pipelines.MODULE: _Module,
    pipelines.ENDPOINT: _Endpoint,
}
OF_DOMAIN: Shapes = {
    Asset.c.document: _Asset,
    Model.c.document: _Model,
    StructuredMetric.c.document: _Metric,
    Run.c.details: _Run,
    Compute.c.document: _Compute,
    DatasetDefinition.c.document: _Definition,
    PipelineGraph.c.document: _Graph,
    PipelineGraph.c.interface: _Interface,
    PipelineObject.c.document: OfKind(PipelineObject.c.kind, _OBJECTS),
    PipelineDraft.c.document: _Draft,
}
