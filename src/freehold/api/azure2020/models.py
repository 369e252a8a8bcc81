"""Registered models: list, register, read, change, delete. Calls 2, 3, 24 and 25."""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.patching import fitting, patched, read_patch, texts
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.facade import model_management_route
from freehold.api.azure2020.model_shapes import ModelIn, ModelOut, ModelPage, model_out
from freehold.api.azure2020.stored import StoredModel
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.models import service as models
from freehold.domain.models.queries import Wanted
from freehold.domain.models.service import FoundModels, ModelView
from freehold.domain.runs import service as runs
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_CHANGEABLE = ("description", "kvTags", "properties", "tags", "framework", "frameworkVersion", "sampleInputData",
               "sampleOutputData", "resourceRequirements", "datasets", "mimeType", "unpack")  # fmt: skip


@model_management_route("GET", "/models", Action.READ, answer=ModelPage)
async def list_models(call: Call) -> Response:
    """Models in pages, newest first; by name, run, tags, properties."""
    return await _list(call, Asked(call))


@model_management_route("POST", "/models/list", Action.READ, answer=ModelPage)
async def query_models(call: Call) -> Response:
    """The same list, with the question in the body."""
    return await _list(call, Asked(call, await read_json(call, dict[str, Any])))


@model_management_route("POST", "/models", Action.WRITE, body=ModelIn, answer=ModelOut)
async def register_model(call: Call) -> Response:
    """Register the next version of a model."""
    body = await read_json(call, ModelIn)
    made = await call.services.database.write(
        lambda db: models.register_model(db, call.actor, call.workspace, body.new())
    )
    return reply(model_out(made))


@model_management_route("GET", "/models/{id}", Action.READ, answer=ModelOut)
async def read_model(call: Call) -> Response:
    """One model, by `name:version`."""

    def read(db: Transaction) -> ModelView:
        return models.get_model(db, call.workspace, call.params["id"], opens=call.opens_secrets)

    return reply(model_out(await call.services.database.read(read)))


@model_management_route("PATCH", "/models/{id}", Action.WRITE, answer=ModelOut)
async def change_model(call: Call) -> Response:
    """Change a model's tags, properties or description by a JSON Patch."""
    operations = await read_patch(call)

    def change(db: Transaction) -> ModelView:
        standing = models.get_model(db, call.workspace, call.params["id"])
        shown = msgspec.to_builtins(model_out(standing))
        changed = patched({name: shown[name] for name in _CHANGEABLE}, operations)
        tags = changed.pop("kvTags")
        changed.pop("tags")
        properties = texts(changed.pop("properties"), "properties")
        document = fitting({key: value for key, value in changed.items() if key != "name"}, StoredModel)
        return models.change_model(
            db,
            call.workspace,
            call.params["id"],
            document=document,
            tags=texts(tags, "kvTags"),
            properties=properties,
        )

    return reply(model_out(await call.services.database.write(change)))


@model_management_route("DELETE", "/models/{id}", Action.DELETE)
async def delete_model(call: Call) -> Response:
    """Delete a model with its content: 200 done, 204 there was none, 412 an image or service still needs it."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        found = models.find_model(db, call.workspace, call.params["id"])
        return [(Scope.MODEL, found.row_id)] if found else []

    return await delete_document(call, find)


async def _list(call: Call, asked: Asked) -> Response:
    paging = asked.paging()

    def find(db: Transaction) -> FoundModels:
        run_id = asked.text("runId")
        wanted = Wanted(
            asked.text("name"),
            asked.number("version"),
            runs.row_of(db, call.workspace, run_id) if run_id else None,
            asked.labels(),
            asked.flag("latestVersionOnly"),
        )
        return models.list_models(db, call.workspace, paging, wanted, opens=call.opens_secrets)

    found = await call.services.database.read(find)
    return answer_page(call, asked, [model_out(each) for each in found.models], found.next_place)
