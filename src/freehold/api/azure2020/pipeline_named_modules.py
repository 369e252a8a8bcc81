"""Named modules with versions (`AzureMLModules`): create, read by id or name, list, change. A version is a module."""

from typing import Any

from starlette.responses import Response

from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_module_shapes import (
    ChangedVersionIn,
    EntityIn,
    NamedModuleIn,
    VersionIn,
    named_module_out,
    version_out,
)
from freehold.api.azure2020.pipeline_routes import pipeline_route
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.pipelines import modules, objects
from freehold.domain.pipelines.objects import ObjectView
from freehold.domain.pipelines.queries import Wanted
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction


@pipeline_route("GET", "/AzureMLModules", Action.READ)
async def list_named_modules(call: Call) -> Response:
    """Named modules, newest first."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        found = objects.list_objects(db, call.workspace, modules.NAMED, paging, Wanted(active_only))
        return [_out(db, call, each) for each in found.objects], found.next_place

    return await answer_list(call, page)


@pipeline_route("POST", "/AzureMLModules", Action.WRITE, body=NamedModuleIn)
async def create_named_module(call: Call) -> Response:
    """Make a named module, without versions yet."""
    body = await read_json(call, NamedModuleIn)

    def make(db: Transaction) -> dict[str, Any]:
        document = {"Description": body.description}
        return _out(db, call, modules.create_named_module(db, call.actor, call.workspace, body.name, document))

    return reply(await call.services.database.write(make))


@pipeline_route("GET", "/AzureMLModules/Name", Action.READ)
async def read_named_module_by_name(call: Call) -> Response:
    """The newest of the name in `?name=`."""
    name = call.query.get("name")
    if not name:
        raise Invalid("NameMissing", "Name the module: ?name=…", target="name")
    found = await call.services.database.read(
        lambda db: _out(db, call, objects.get_by_name(db, call.workspace, modules.NAMED, name))
    )
    return reply(found)


@pipeline_route("GET", "/AzureMLModules/{id}", Action.READ)
async def read_named_module(call: Call) -> Response:
    """One named module, with its versions."""
    found = await call.services.database.read(
        lambda db: _out(db, call, objects.get(db, call.workspace, modules.NAMED, call.params["id"]))
    )
    return reply(found)


@pipeline_route("PUT", "/AzureMLModules/{id}", Action.WRITE, body=EntityIn)
async def change_named_module(call: Call) -> Response:
    """Change its name, description, status or default version."""
    body = await read_json(call, EntityIn)

    def change(db: Transaction) -> dict[str, Any]:
        changed = modules.change_named_module(
            db,
            call.workspace,
            call.params["id"],
            name=body.name,
            description=body.description,
            status=body.entity_status,
            default_version=body.default_version,
        )
        return _out(db, call, changed)

    return reply(await call.services.database.write(change))


@pipeline_route("POST", "/AzureMLModuleVersions", Action.WRITE, body=VersionIn)
async def create_version(call: Call) -> Response:
    """Give a named module another version."""
    body = await read_json(call, VersionIn)
    made = await call.services.database.write(
        lambda db: modules.create_version(
            db,
            call.actor,
            call.workspace,
            body.aml_module_id,
            body.version,
            body.new(),
            is_default=body.set_as_default_version,
        )
    )
    return reply(version_out(made))


@pipeline_route("GET", "/AzureMLModuleVersions/{id}", Action.READ)
async def read_version(call: Call) -> Response:
    """One version, with its interface."""
    found = await call.services.database.read(
        lambda db: objects.get(db, call.workspace, modules.KIND, call.params["id"], opens=call.opens_secrets)
    )
    return reply(version_out(found))


@pipeline_route("PUT", "/AzureMLModuleVersions/{id}", Action.WRITE, body=ChangedVersionIn)
async def change_version(call: Call) -> Response:
    """Change its description or status."""
    body = await read_json(call, ChangedVersionIn)
    changed = await call.services.database.write(
        lambda db: objects.change(
            db,
            call.workspace,
            modules.KIND,
            call.params["id"],
            fields={"Description": body.data.description},
            status=body.data.entity_status,
        )
    )
    return reply(version_out(changed))


def _out(db: Transaction, call: Call, module: ObjectView) -> dict[str, Any]:
    return named_module_out(module, modules.versions_of(db, call.workspace, module))
