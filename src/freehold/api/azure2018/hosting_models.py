"""Models of a hosting account: calls 38, 39, 51 and 52."""

from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.reading import read_json
from freehold.api.azure2018.facade import hosting_route
from freehold.api.azure2018.hosting_shapes import ModelIn, ModelOut, ModelPage, model_out
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.models import service as models
from freehold.domain.models.queries import Wanted
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@hosting_route("GET", "/models", Action.READ, answer=ModelPage)
async def list_models(call: Call) -> Response:
    """Models in pages, newest first; by name and tag."""
    asked = Asked(call)
    paging, wanted = asked.paging(), Wanted(asked.text("name"), labels=asked.labels())
    found = await call.services.database.read(
        lambda db: models.list_models(db, call.workspace, paging, wanted, opens=call.opens_secrets)
    )
    return answer_page(call, asked, [model_out(each) for each in found.models], found.next_place)


@hosting_route("POST", "/models", Action.WRITE, body=ModelIn, answer=ModelOut)
async def register_model(call: Call) -> Response:
    """Register the next version of a model."""
    new = (await read_json(call, ModelIn)).new()
    made = await call.services.database.write(lambda db: models.register_model(db, call.actor, call.workspace, new))
    return reply(model_out(made))


@hosting_route("GET", "/models/{id}", Action.READ, answer=ModelOut)
async def read_model(call: Call) -> Response:
    """One model, by its id."""
    found = await call.services.database.read(
        lambda db: models.get_model(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
    return reply(model_out(found))


@hosting_route("DELETE", "/models/{id}", Action.DELETE)
async def delete_model(call: Call) -> Response:
    """Delete a model: 200 done, 204 there was none, 412 a manifest or an image still needs it."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        found = models.find_model(db, call.workspace, call.params["id"])
        return [(Scope.MODEL, found.row_id)] if found else []

    return await delete_document(call, find)
