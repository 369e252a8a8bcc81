"""Modules: what a step of a pipeline runs. A named module (`AzureMLModules`) has versions, each a module itself."""

from typing import Any

from freehold.domain.access.actor import Actor, WorkspaceRef
from freehold.domain.pipelines import objects, rules
from freehold.domain.pipelines.objects import NewObject, ObjectView
from freehold.domain.pipelines.queries import Wanted
from freehold.kit.problems import Conflict, Invalid
from freehold.storage.transaction import Transaction

KIND, NAMED = rules.MODULE, rules.NAMED_MODULE
VERSION = "Version"
_FIRST = "1"


def create_module(db: Transaction, actor: Actor, workspace: WorkspaceRef, new: NewObject) -> ObjectView:
    """The standing module of this hash if it says the same, else a new one. Raises Invalid."""
    _check(new.document)
    return objects.find_same(db, workspace, KIND, new) or objects.add(db, actor, workspace, KIND, new)


def create_named_module(
    db: Transaction, actor: Actor, workspace: WorkspaceRef, name: str, document: dict[str, Any]
) -> ObjectView:
    return objects.add(db, actor, workspace, NAMED, NewObject(document, name))


def create_version(
    db: Transaction,
    actor: Actor,
    workspace: WorkspaceRef,
    module_id: str,
    version: str | None,
    new: NewObject,
    *,
    is_default: bool,
) -> ObjectView:
    """Of a named module. Without `version` the next number; the first is the default. Raises Conflict, NotFound."""
    module = objects.get(db, workspace, NAMED, module_id)
    _check(new.document)
    taken = [version_of(each) for each in versions_of(db, workspace, module)]
    version = version or _next(taken)
    if version in taken:
        raise Conflict("VersionExists", "The module has this version already. Name another, or none.", target=VERSION)
    if len(taken) >= rules.MOST_VERSIONS:
        raise Conflict("TooManyVersions", f"A module has at most {rules.MOST_VERSIONS} versions.")
    made = new._replace(document=new.document | {VERSION: version}, under=module.row_id)
    if is_default or not taken:
        objects.change(db, workspace, NAMED, module_id, fields={"DefaultVersion": version})
    return objects.add(db, actor, workspace, KIND, made)


def versions_of(db: Transaction, workspace: WorkspaceRef, module: ObjectView) -> list[ObjectView]:
    """The oldest first."""
    return list(objects.all_objects(db, workspace, KIND, Wanted(under=module.row_id)))[::-1]


def version_of(module: ObjectView) -> str:
    """Of a named module; empty where nothing says so."""
    return str(module.document.get(VERSION, ""))


def change_named_module(
    db: Transaction,
    workspace: WorkspaceRef,
    module_id: str,
    *,
    name: str | None,
    description: str | None,
    status: str | None,
    default_version: str | None,
) -> ObjectView:
    """Raises Invalid where the default would be no version of it."""
    module = objects.get(db, workspace, NAMED, module_id)
    is_new = default_version is not None and default_version != module.document.get("DefaultVersion")
    versions = versions_of(db, workspace, module) if is_new else []
    if is_new and default_version not in [version_of(each) for each in versions]:
        raise Invalid("UnknownVersion", "DefaultVersion names a version of the module.", target="DefaultVersion")
    fields = {"Description": description, "DefaultVersion": default_version}
    return objects.change(db, workspace, NAMED, module_id, fields=fields, name=name, status=status)


def interface_of(module: ObjectView) -> dict[str, Any]:
    """The module as a graph sees it: parameters and ports, out of its structured interface."""
    given = module.document.get("StructuredInterface") or {}
    return {
        "Parameters": [_parameter(each) for each in given.get("Parameters") or []],
        "MetadataParameters": [_parameter(each) for each in given.get("MetadataParameters") or []],
        "DataPathParameters": [],
        "DataPathParameterList": [],
        "Ports": {
            "Inputs": [_input(each) for each in given.get("Inputs") or []],
            "Outputs": [_output(each) for each in given.get("Outputs") or []],
        },
    }


def _parameter(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": given.get("Name"),
        "Documentation": given.get("Description"),
        "DefaultValue": given.get("DefaultValue"),
        "IsOptional": bool(given.get("IsOptional")),
        "MinMaxRules": [],
        "EnumRules": [{"ValidValues": given["EnumValues"]}] if given.get("EnumValues") else [],
        "Type": given.get("ParameterType"),
    }


def _input(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": given.get("Name"),
        "Documentation": given.get("Description"),
        "DataTypesIds": given.get("DataTypeIdsList") or [],
        "IsOptional": bool(given.get("IsOptional")),
    }


def _output(given: dict[str, Any]) -> dict[str, Any]:
    return {
        "Name": given.get("Name"),
        "Documentation": given.get("Description"),
        "DataTypeId": given.get("DataTypeId"),
        "PassThroughInputName": given.get("PassThroughDataTypeInputName"),
    }


def _check(document: dict[str, Any]) -> None:
    """Clients find a port's settings by its name: each port has one of its own."""
    interface = document.get("StructuredInterface") or {}
    for ports in ("Inputs", "Outputs", "Parameters", "MetadataParameters"):
        found = interface.get(ports)
        found = [] if found is None else found
        if not isinstance(found, list) or not all(isinstance(each, dict) and each.get("Name") for each in found):
            message = f"StructuredInterface.{ports} is a list of objects, each with a Name."
            raise Invalid("InvalidInterface", message, target="StructuredInterface")
        if len({str(each["Name"]) for each in found}) != len(found):
            message = f"Two of StructuredInterface.{ports} have one Name. Give each its own."
            raise Invalid("InvalidInterface", message, target="StructuredInterface")


def _next(taken: list[str]) -> str:
    numbers = [int(each) for each in taken if each.isascii() and each.isdigit()]
    return str(max(numbers) + 1) if numbers else _FIRST
