"""What all bodies of the pipeline service share: PascalCase (only `tags` is not), and the head of every entity.

Fields: azureml-pipeline-core 1.6.0 and 1.62.0, their models; calls 32 to 36.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from freehold.api.azure.users import pascal_user_out
from freehold.domain.access.authors import Author
from freehold.domain.documents.rules import without_nothing
from freehold.domain.pipelines.graphs import Drawing
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.pipelines.published import Submission
from freehold.kit.clock import to_iso

Texts = dict[str, str | None]


class Pascal(msgspec.Struct, rename="pascal", kw_only=True):
    """A body: PascalCase names, unknown ones ignored, everything may be left out."""


class InterfaceIn(Pascal):
    parameters: list[dict[str, Any]] | None = None
    ports: dict[str, Any] | None = None
    metadata_parameters: list[dict[str, Any]] | None = None
    data_path_parameters: list[dict[str, Any]] | None = None
    data_path_parameter_list: list[dict[str, Any]] | None = None


class GraphIn(Pascal):
    id: str | None = None
    module_nodes: list[dict[str, Any]] | None = None
    dataset_nodes: list[dict[str, Any]] | None = None
    edges: list[dict[str, Any]] | None = None
    default_compute: dict[str, Any] | None = None


class LayoutIn(Pascal):
    node_layouts: dict[str, dict[str, Any]] | None = None


class SubmissionIn(Pascal):
    experiment_name: str | None = None
    description: str | None = None
    run_source: str | None = None
    run_type: str | None = None
    parameter_assignments: Texts | None = None
    data_path_assignments: dict[str, Any] | None = None
    data_set_definition_value_assignments: dict[str, Any] | None = None
    schedule_id: str | None = None
    continue_run_on_step_failure: bool | None = None
    enable_notification: bool | None = None
    tags: Texts | None = msgspec.field(name="tags", default=None)
    properties: Texts | None = None

    def submission(self, parent_run_id: str | None = None) -> Submission:
        apart = {"ExperimentName", "Description", "tags", "Properties"}
        document = {key: value for key, value in kept(self).items() if key not in apart}
        return Submission(
            document, self.experiment_name, self.description, plain(self.tags), plain(self.properties), parent_run_id
        )


def drawing(graph: GraphIn | None, interface: InterfaceIn | None = None, layout: LayoutIn | None = None) -> Drawing:
    """A graph with what came beside it; without one, an empty graph."""
    document = msgspec.to_builtins(graph or GraphIn())
    graph_id = document.pop("Id", None)
    return Drawing(document, _builtins(interface), _builtins(layout), graph_id)


def head(found: ObjectView) -> dict[str, Any]:
    """What every entity begins with."""
    return {
        "Id": found.object_id,
        **moments(found.created_at, found.updated_at),
        "EntityStatus": found.status,
    }


def moments(created_at: int | None, updated_at: int | None) -> dict[str, Any]:
    """An etag changes whenever the document does."""
    return {
        "Etag": f'"{updated_at:x}"' if updated_at is not None else None,
        "CreatedDate": to_iso(created_at) if created_at is not None else None,
        "LastModifiedDate": to_iso(updated_at) if updated_at is not None else None,
    }


def creator(author: Author | None) -> dict[str, Any]:
    """Who changed a thing last is not kept."""
    return {"CreatedBy": pascal_user_out(author), "LastUpdatedBy": None}


def fields_of(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: document.get(name) for name in names}


def kept(body: msgspec.Struct) -> dict[str, Any]:
    """The body's fields by their names on the wire, as far as given."""
    return without_nothing(msgspec.to_builtins(body))


def plain(entries: Texts | None) -> dict[str, str] | None:
    """Tags and properties may have null for a value: it is kept as an empty text."""
    return {key: value if value is not None else "" for key, value in entries.items()} if entries is not None else None


def _builtins(body: msgspec.Struct | None) -> dict[str, Any] | None:
    return msgspec.to_builtins(body) if body is not None else None
