"""Documents of a bag that the domain itself reads by their fields: a field that it cannot do without is there, and of
its kind. What a façade alone wrote and reads is not looked into beyond being an object.
"""

from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa

from freehold.domain.datasets.rules import ACTIVE, ARCHIVED, DEPRECATED, PENDING, SAVED
from freehold.records.assets import Asset
from freehold.records.metrics import StructuredMetric
from freehold.records.outside import DatasetDefinition
from freehold.records.pipelines import PipelineGraph
from freehold.records.rules import COUNTED, MOMENTS

Version = Annotated[int, msgspec.Meta(ge=COUNTED.least, le=COUNTED.most)]
Moment = Annotated[int, msgspec.Meta(ge=MOMENTS.least, le=MOMENTS.most)]
Data = dict[str, Any]


class _Asset(msgspec.Struct, rename="camel"):
    version: Version
    artifacts: list[dict[str, str]]
    owns: bool
    of_run: bool
    given: Data


class _Metric(msgspec.Struct):
    columns: dict[str, str]
    values: list[tuple[Moment, int | None, Data]]
    extras: Data


class _Node(msgspec.Struct, rename="pascal"):
    id: str


class _Graph(msgspec.Struct, rename="pascal"):
    module_nodes: list[_Node]
    dataset_nodes: list[_Node]
    edges: list[Data]


class _Definition(msgspec.Struct):
    state: Literal[ACTIVE, ARCHIVED, DEPRECATED, PENDING, SAVED]  # type: ignore[valid-type]  # constants of the domain


DECODERS: dict[sa.Column[Any], msgspec.json.Decoder[Any]] = {
    Asset.c.document: msgspec.json.Decoder(_Asset),
    StructuredMetric.c.document: msgspec.json.Decoder(_Metric),
    PipelineGraph.c.document: msgspec.json.Decoder(_Graph),
    DatasetDefinition.c.document: msgspec.json.Decoder(_Definition),
}
ANY_OBJECT: msgspec.json.Decoder[Any] = msgspec.json.Decoder(Data)
