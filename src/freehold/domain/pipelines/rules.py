"""What pipeline objects may be, and what the states of runs are called in a pipeline. Pure decisions.

Source of the words: azureml-pipeline-core 1.6.0 and 1.62.0, its service caller and models.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from freehold.domain.documents.rules import check_labels, check_name, check_text
from freehold.kit.problems import Invalid

PIPELINE_RUN, PIPELINE, TEMPLATE = "pipeline_run", "pipeline", "template"
MODULE, NAMED_MODULE = "module", "azureml_module"
DATA_SOURCE, DATA_TYPE = "data_source", "data_type"
SCHEDULE, ENDPOINT, GRAPH_DRAFT = "schedule", "pipeline_endpoint", "graph_draft"
CALLED = {
    PIPELINE_RUN: "pipeline run",
    PIPELINE: "pipeline",
    TEMPLATE: "published pipeline",
    MODULE: "module",
    NAMED_MODULE: "module",
    DATA_SOURCE: "data source",
    DATA_TYPE: "data type",
    SCHEDULE: "schedule",
    ENDPOINT: "pipeline endpoint",
    GRAPH_DRAFT: "graph draft",
}
"""Kinds of objects, and what messages call them."""
DRAWN = (PIPELINE_RUN, PIPELINE, TEMPLATE, GRAPH_DRAFT)
"""Those that have a graph, always."""

ACTIVE, DEPRECATED, DISABLED = "Active", "Deprecated", "Disabled"
STATUSES = (ACTIVE, DEPRECATED, DISABLED)
MOST_NODES = 5_000
MOST_EDGES = 20_000
MOST_VERSIONS = 1_000
LONGEST_ID = 255

NODE_TAG = "azureml.nodeid"
"""By this tag a child run says which node of the pipeline's graph it is."""
RUN_TYPE = "azureml.PipelineRun"
NOT_STARTED, RUNNING, FINISHED, FAILED, CANCELED = "NotStarted", "Running", "Finished", "Failed", "Canceled"
_STATES = {"Completed": FINISHED, "Failed": FAILED, "Unapproved": FAILED, "Canceled": CANCELED}
_WAITING = frozenset({"NotStarted", "Queued", "Preparing", "Provisioning", "Starting"})

FILE_TYPES = (
    "AnyFile",
    "AzureBlobReference",
    "AzureDataLakeReference",
    "AzureFilesReference",
    "AzureSqlDatabaseReference",
    "AzurePostgresDatabaseReference",
    "AzureDataLakeGen2Reference",
    "AzureMLDataset",
    "AzureMySqlDatabaseReference",
)
FOLDER_TYPES = ("AnyDirectory",)
"""The data types that every workspace has: the SDK makes whichever of them is missing."""


def read_status(text: str) -> str:
    """By name, or by the number that SDKs before 1.7 send. Raises Invalid."""
    if text in STATUSES:
        return text
    if text in ("0", "1", "2"):
        return STATUSES[int(text)]
    raise Invalid("InvalidEntityStatus", f"A status is one of {', '.join(STATUSES)}.", target="EntityStatus")


def pipeline_state(status: str) -> str:
    """A run's status as a pipeline run's: NotStarted, Running, Finished, Failed, Canceled."""
    return _STATES.get(status, NOT_STARTED if status in _WAITING else RUNNING)


def step_state(status: str) -> str:
    """As `pipeline_state`; a step can wait in a queue, too."""
    return "Queued" if status in _WAITING - {"NotStarted"} else pipeline_state(status)


def check_said(kind: str, name: str | None, description: str | None) -> None:
    """Names of pipeline objects are free text: they stand in no address."""
    what = CALLED.get(kind, kind)
    check_text(f"The name of a {what}", name, most=LONGEST_ID)
    check_text(f"The description of a {what}", description)


def check_tags(tags: Mapping[str, str]) -> None:
    check_labels("tag", tags)


def check_type_id(type_id: str) -> None:
    check_name("data type", type_id)


def check_graph(document: Mapping[str, Any]) -> None:
    """Nodes have ids of their own, edges join nodes that are there, or ports of the graph itself. Raises Invalid."""
    ids = list(_ids([*document["ModuleNodes"], *document["DatasetNodes"]]))
    if len(ids) > MOST_NODES or len(document["Edges"]) > MOST_EDGES:
        message = f"A graph has at most {MOST_NODES} nodes and {MOST_EDGES} edges."
        raise Invalid("GraphTooLarge", message, target="Graph")
    if len(set(ids)) != len(ids):
        raise Invalid("InvalidGraph", "Two nodes of the graph have one Id. Give each its own.", target="Graph")
    known = set(ids)
    for edge in document["Edges"]:
        for end in ("SourceOutputPort", "DestinationInputPort"):
            _check_port(edge.get(end), end, known)


def texts(entries: Mapping[str, str | None] | None) -> dict[str, str]:
    """Tags or properties out of a document. One whose value was taken out of it as a secret is an empty text."""
    return {key: value or "" for key, value in (entries or {}).items()}


def whole_graph(document: Mapping[str, Any]) -> dict[str, Any]:
    """With every list that clients walk through without looking whether it is there."""
    nodes = [_whole_node(node) for node in document.get("ModuleNodes") or []]
    rest = {name: document.get(name) or [] for name in ("DatasetNodes", "Edges")}
    return {"ModuleNodes": nodes, **rest, "DefaultCompute": document.get("DefaultCompute")}


def whole_interface(interface: Mapping[str, Any] | None) -> dict[str, Any]:
    given = dict(interface or {})
    ports = dict(given.get("Ports") or {})
    lists = ("Parameters", "MetadataParameters", "DataPathParameters", "DataPathParameterList")
    return {name: given.get(name) or [] for name in lists} | {
        "Ports": {name: ports.get(name) or [] for name in ("Inputs", "Outputs")}
    }


def _whole_node(node: dict[str, Any]) -> dict[str, Any]:
    lists = ("ModuleParameters", "ModuleMetadataParameters", "ModuleOutputSettings", "ModuleInputSettings")
    return node | {name: node.get(name) or [] for name in lists}


def _ids(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for node in nodes:
        node_id = node.get("Id")
        if not isinstance(node_id, str) or not 0 < len(node_id) <= LONGEST_ID:
            message = f"Every node of a graph has an Id of 1 to {LONGEST_ID} characters."
            raise Invalid("InvalidGraph", message, target="Graph")
        yield node_id


def _check_port(port: Any, end: str, known: set[str]) -> None:
    if not isinstance(port, dict):
        raise Invalid("InvalidGraph", f"Every edge of a graph has a {end}.", target="Edges")
    node = port.get("NodeId")
    is_known = isinstance(node, str) and node in known
    if not is_known and not (node is None and port.get("GraphPortName")):
        raise Invalid("InvalidGraph", f"A {end} names a node that the graph does not have.", target="Edges")
