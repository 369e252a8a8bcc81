"""What graphs are made of: modules, named modules with versions, data sources, data types."""

from typing import Any

import pytest

from tests.azure2020.conftest import Azure
from tests.azure2020.pipelines import at, make_module, make_source

HASH = "3f2e0762_ac342c20"


def test_a_module_has_what_the_sdk_demands(azure: Azure) -> None:
    name = azure.name("module")
    made = make_module(azure, name, IdentifierHash=f"{name}_{HASH}", KvTags={"a": "b"}, StepType="PythonScriptStep")
    whole = azure.ok("GET", at(azure, f"Modules/{made['Id']}"))
    data, interface = whole["Data"], whole["Interface"]
    assert data == made
    assert (data["UploadState"], data["IdentifierHash"], data["tags"]) == ("Completed", f"{name}_{HASH}", {"a": "b"})
    assert (data["StepType"], data["CreatedBy"]["UserObjectId"]) == ("PythonScriptStep", azure.person.object_id)
    assert data["DataLocation"]["StorageId"] == "11111111-2222-3333-4444-555555555555"
    assert data["StructuredInterface"]["Inputs"][0]["DataStoreMode"] == "mount"
    assert [each["Name"] for each in interface["Parameters"]] == ["rate"]
    assert [each["Name"] for each in interface["MetadataParameters"]] == ["TARGET"]
    assert interface["Ports"]["Inputs"] == [
        {"Name": "data", "Documentation": None, "DataTypesIds": ["AnyDirectory"], "IsOptional": False}
    ]
    assert interface["Ports"]["Outputs"][0]["DataTypeId"] == "AnyFile"
    assert [each["Id"] for each in azure.ok("GET", at(azure, f"Modules?name={name}"))] == [made["Id"]]


def test_a_module_and_a_source_are_found_by_hash_and_made_once(azure: Azure) -> None:
    name = azure.name("hashed")
    for noun, make in (("Modules", make_module), ("DataSources", make_source)):
        where = at(azure, f"{noun}/Hash/{name}_{HASH}")
        assert azure.call("GET", where).status_code == 404
        first = make(azure, name, IdentifierHash=f"{name}_{HASH}")
        assert make(azure, name, IdentifierHash=f"{name}_{HASH}") == first
        changed = make(azure, name, IdentifierHash=f"{name}_{HASH}", Description="says more")
        assert changed["Id"] != first["Id"]
        newest = azure.ok("GET", where)
        assert (newest.get("Data") or newest)["Id"] == changed["Id"]
        assert make(azure, name)["Id"] != make(azure, name)["Id"]


def test_an_entity_changes_by_a_put(azure: Azure) -> None:
    name = azure.name("put")
    for noun, made in (("Modules", make_module(azure, name)), ("DataSources", make_source(azure, name))):
        body = {**made, "Description": "new words", "EntityStatus": "1", "Name": f"{name}-2"}
        changed = azure.ok("PUT", at(azure, f"{noun}/{made['Id']}"), body)
        assert (changed["Description"], changed["EntityStatus"]) == ("new words", "Deprecated")
        assert (changed["Name"], changed["Id"]) == (f"{name}-2", made["Id"])
        assert made["Id"] not in [each["Id"] for each in azure.ok("GET", at(azure, f"{noun}?activeOnly=true"))]
        assert made["Id"] in [each["Id"] for each in azure.ok("GET", at(azure, noun))]
        assert azure.call("PUT", at(azure, f"{noun}/{made['Id']}"), {"EntityStatus": "Gone"}).status_code == 400


def test_a_named_module_has_versions_that_are_modules(azure: Azure) -> None:
    name = azure.name("named")
    named = azure.ok("POST", at(azure, "AzureMLModules"), {"Name": name, "Description": "d"})
    assert (named["Versions"], named["DefaultVersion"]) == ([], None)
    version = {"AmlModuleId": named["Id"], "Name": "one", "StructuredInterface": {}}
    first = azure.ok("POST", at(azure, "AzureMLModuleVersions"), version)
    second = azure.ok("POST", at(azure, "AzureMLModuleVersions"), version | {"Version": "two"})
    assert azure.call("POST", at(azure, "AzureMLModuleVersions"), version | {"Version": "two"}).status_code == 409
    assert first["ModuleId"] == named["Id"]
    found = azure.ok("GET", at(azure, f"AzureMLModules/Name?name={name}"))
    assert found == azure.ok("GET", at(azure, f"AzureMLModules/{named['Id']}"))
    ids = [first["Data"]["Id"], second["Data"]["Id"]]
    assert [(each["Version"], each["ModuleVersionId"]) for each in found["Versions"]] == list(
        zip(["1", "two"], ids, strict=True)
    )
    assert found["DefaultVersion"] == "1"
    changed = azure.ok("PUT", at(azure, f"AzureMLModules/{named['Id']}"), found | {"DefaultVersion": "two"})
    assert changed["DefaultVersion"] == "two"
    wrong = found | {"DefaultVersion": "three"}
    assert azure.call("PUT", at(azure, f"AzureMLModules/{named['Id']}"), wrong).status_code == 400
    azure.ok("GET", at(azure, f"Modules/{ids[0]}"))
    where = at(azure, f"AzureMLModuleVersions/{ids[0]}")
    azure.ok("PUT", where, first | {"Data": first["Data"] | {"EntityStatus": "Disabled"}})
    assert azure.ok("GET", where)["Data"]["EntityStatus"] == "Disabled"
    azure.ok("DELETE", at(azure, f"AzureMLModules/{named['Id']}"))
    assert azure.call("GET", where).status_code == 404
    azure.erased()


def test_two_ports_of_one_name_are_refused(azure: Azure) -> None:
    interface = {"Inputs": [{"Name": "a"}, {"Name": "a"}]}
    answer = azure.call("POST", at(azure, "Modules"), {"Name": "twice", "StructuredInterface": interface})
    assert (answer.status_code, answer.json()["Error"]["InnerError"]["Code"]) == (400, "InvalidInterface")


@pytest.mark.parametrize("inputs", [7, {}, "", ["a"], [{}]])
def test_ports_that_are_no_list_of_named_things_are_refused(azure: Azure, inputs: Any) -> None:
    answer = azure.call("POST", at(azure, "Modules"), {"Name": "x", "StructuredInterface": {"Inputs": inputs}})
    assert (answer.status_code, answer.json()["Error"]["InnerError"]["Code"]) == (400, "InvalidInterface")


def test_a_source_says_where_its_data_lies(azure: Azure) -> None:
    name = azure.name("source")
    source = make_source(azure, name)
    reference = source["DataLocation"]["DataReference"]
    assert reference["Type"] == "AzureBlob"
    assert reference["AzureBlobReference"] == {"RelativePath": "a/b.csv", "AmlDataStoreName": "blobs"}
    table = make_source(azure, name, SqlQuery="select 1")["DataLocation"]["DataReference"]
    assert table["Type"] == "AzureSqlDatabase"
    assert table["AzureSqlDatabaseReference"] == {"SqlQuery": "select 1", "AmlDataStoreName": "blobs"}
    assert azure.ok("GET", at(azure, f"DataSources/{source['Id']}")) == source


def test_every_workspace_has_the_data_types_that_the_sdk_needs(azure: Azure) -> None:
    found = {each["Id"]: each for each in azure.ok("GET", at(azure, "DataTypes"))}
    needed = (
        "AnyFile AnyDirectory AzureBlobReference AzureDataLakeReference AzureFilesReference AzureMLDataset "
        "AzureSqlDatabaseReference AzurePostgresDatabaseReference AzureDataLakeGen2Reference "
        "AzureMySqlDatabaseReference"
    )
    assert set(needed.split()) <= found.keys()
    assert [found[each]["IsDirectory"] for each in ("AnyFile", "AnyDirectory")] == [False, True]
    assert azure.ok("POST", at(azure, "DataTypes"), {"Id": "AnyFile", "Name": "x"}) == found["AnyFile"]
    assert azure.call("PUT", at(azure, "DataTypes/AnyFile"), {"Description": "x"}).status_code == 409


def test_a_workspace_may_have_data_types_of_its_own(azure: Azure) -> None:
    name = azure.name("Type")
    body = {"Id": name, "Name": name, "Description": "d", "IsDirectory": True, "ParentDataTypeIds": ["AnyDirectory"]}
    made = azure.ok("POST", at(azure, "DataTypes"), body)
    assert azure.ok("POST", at(azure, "DataTypes"), body | {"Description": "other"}) == made
    changed = azure.ok("PUT", at(azure, f"DataTypes/{name}"), made | {"Description": "new"})
    assert (changed["Description"], changed["ParentDataTypeIds"]) == ("new", ["AnyDirectory"])
    assert changed in azure.ok("GET", at(azure, "DataTypes"))
    assert azure.call("POST", at(azure, "DataTypes"), {"Id": "no/slash"}).status_code == 400
