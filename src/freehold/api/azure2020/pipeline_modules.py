"""Modules: create, read by id or hash, list, change. Call 34. The same content under the same hash is one module."""

from starlette.responses import Response

from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_module_shapes import EntityIn, ModuleIn, module_entity_out, module_out
from freehold.api.azure2020.pipeline_routes import pipeline_route
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.pipelines import modules, objects
from freehold.domain.pipelines.queries import Wanted
from freehold.storage.transaction import Transaction


@pipeline_route("GET", "/Modules", Action.READ)
async def list_modules(call: Call) -> Response:
    """Modules, newest first; of one name with `name`."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        wanted = Wanted(active_only, name=call.query.get("name"))
        found = objects.list_objects(db, call.workspace, modules.KIND, paging, wanted)
        return [module_entity_out(each) for each in found.objects], found.next_place

    return await answer_list(call, page)


@pipeline_route("POST", "/Modules", Action.WRITE, body=ModuleIn)
async def create_module(call: Call) -> Response:
    """Make a module."""
    body = await read_json(call, ModuleIn)
    made = await call.services.database.write(
        lambda db: modules.create_module(db, call.actor, call.workspace, body.new())
    )
    return reply(module_entity_out(made))


@pipeline_route("GET", "/Modules/Hash/{hash}", Action.READ)
async def read_module_by_hash(call: Call) -> Response:
    """The newest module of an `IdentifierHash`; 404 tells the SDK to make one."""
    digest = call.params["hash"]
    found = await call.services.database.read(
        lambda db: objects.get_by_digest(db, call.workspace, modules.KIND, digest, opens=call.opens_secrets)
    )
    return reply(module_out(found))


@pipeline_route("GET", "/Modules/{id}", Action.READ)
async def read_module(call: Call) -> Response:
    """One module, with its interface."""
    found = await call.services.database.read(
        lambda db: objects.get(db, call.workspace, modules.KIND, call.params["id"], opens=call.opens_secrets)
    )
    return reply(module_out(found))


@pipeline_route("PUT", "/Modules/{id}", Action.WRITE, body=EntityIn)
async def change_module(call: Call) -> Response:
    """Change its name, description or status; what it does stays."""
    body = await read_json(call, EntityIn)
    changed = await call.services.database.write(
        lambda db: objects.change(
            db,
            call.workspace,
            modules.KIND,
            call.params["id"],
            fields={"Description": body.description},
            name=body.name,
            status=body.entity_status,
        )
    )
    return reply(module_entity_out(changed))
