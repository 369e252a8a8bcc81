"""Calls of the pipeline service, and a small graph: a data source that flows into a module."""

from typing import Any

from tests.azure2020.conftest import Azure


def at(azure: Azure, path: str, *, old: bool = False) -> str:
    """An address of the pipeline service; `old`: as the published pages have it."""
    return f"/{'api' if old else 'pipelines'}/v1.0{azure.workspace}/{path}"


def make_module(azure: Azure, name: str, **more: Any) -> Any:
    body = {
        "Name": name,
        "IsDeterministic": True,
        "StructuredInterface": {
            "CommandLinePattern": "",
            "Inputs": [{"Name": "data", "DataTypeIdsList": ["AnyDirectory"], "DataStoreMode": "mount"}],
            "Outputs": [{"Name": "model", "DataTypeId": "AnyFile", "DataStoreName": "workspaceblobstore"}],
            "Parameters": [{"Name": "rate", "ParameterType": "String", "DefaultValue": "0.1"}],
            "MetadataParameters": [{"Name": "TARGET", "ParameterType": "String"}],
        },
        "StorageId": "11111111-2222-3333-4444-555555555555",
        **more,
    }
    return azure.ok("POST", at(azure, "Modules"), body)


def make_source(azure: Azure, name: str, **more: Any) -> Any:
    body = {"Name": name, "DataTypeId": "AnyFile", "DataStoreName": "blobs", "PathOnDataStore": "a/b.csv", **more}
    return azure.ok("POST", at(azure, "DataSources"), body)


def graph(module_id: str, source_id: str) -> dict[str, Any]:
    return {
        "ModuleNodes": [
            {
                "Id": "n1",
                "ModuleId": module_id,
                "ModuleParameters": [{"Name": "rate", "Value": "rate", "ValueType": "1"}],
            }
        ],
        "DatasetNodes": [{"Id": "d1", "DatasetId": source_id}],
        "Edges": [
            {
                "SourceOutputPort": {"NodeId": "d1"},
                "DestinationInputPort": {"NodeId": "n1", "PortName": "data"},
            }
        ],
    }


def new_graph(azure: Azure) -> dict[str, Any]:
    name = azure.name("node")
    return graph(make_module(azure, name)["Id"], make_source(azure, name)["Id"])


INTERFACE = {"Parameters": [{"Name": "rate", "DefaultValue": "0.1", "IsOptional": True, "Type": "1"}]}


def make_run(azure: Azure, drawn: dict[str, Any] | None = None, **info: Any) -> Any:
    """A run, not yet submitted, in the experiment of the fixture."""
    body = {
        "CreationInfo": {"Description": "train", "RunSource": "SDK", "RunType": "SDK", **info},
        "Graph": drawn or new_graph(azure),
        "GraphInterface": INTERFACE,
        "GraphLayout": {"NodeLayouts": {"n1": {"X": 1.5, "Y": 2, "Width": 10, "Height": 5}}},
    }
    where = f"PipelineRuns/Unsubmitted/CreationInfoWithGraph?experimentName={azure.experiment}"
    return azure.ok("POST", at(azure, where), body)


def publish(azure: Azure, drawn: dict[str, Any] | None = None, **more: Any) -> Any:
    body = {
        "Name": azure.name("pipeline"),
        "Version": "1",
        "Graph": drawn or new_graph(azure),
        "GraphInterface": INTERFACE,
        "ParameterAssignments": {"rate": "0.1"},
        **more,
    }
    return azure.ok("POST", at(azure, "Pipelines/Create"), body)


def submit(azure: Azure, pipeline_id: str, **more: Any) -> Any:
    body = {"ExperimentName": azure.experiment, "Description": "again", "RunSource": "SDK", **more}
    return azure.ok("POST", at(azure, f"PipelineRuns/PipelineSubmit/{pipeline_id}"), body)
