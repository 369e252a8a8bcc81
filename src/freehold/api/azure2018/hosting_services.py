"""Services of a hosting account: calls 42, 43, 55 and 56, and their keys. Freehold runs none of them."""

from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.reading import read_json
from freehold.api.azure.registrations import answer_registration, note_registration
from freehold.api.azure2018.facade import hosting_route
from freehold.api.azure2018.hosting_shapes import KeyIn, KeysOut, ServiceIn, ServiceOut, ServicePage, service_out
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.images import service as images
from freehold.domain.models.service import rows_named
from freehold.domain.services import service as services
from freehold.domain.services.queries import Wanted
from freehold.domain.services.service import FoundServices, Keys
from freehold.kit.problems import Invalid
from freehold.operations.model import Operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@hosting_route("GET", "/services", Action.READ, answer=ServicePage)
async def list_services(call: Call) -> Response:
    """Services in pages, newest first; by name, image, manifest and model."""
    asked = Asked(call)
    paging = asked.paging()
    if asked.text("computeResourceId"):
        message = "Services are found by serviceName, imageId, manifestId, manifestName, modelId and modelName."
        raise Invalid("FilterNotServed", message, target="computeResourceId")

    def find(db: Transaction) -> FoundServices:
        of_manifest = images.rows_of_manifest(db, call.workspace, asked.text("manifestId"), asked.text("manifestName"))
        of_image = images.rows_named(db, call.workspace, asked.text("imageId"), None)
        wanted = Wanted(
            asked.text("serviceName") or asked.text("name"),
            image_rows=of_manifest if of_image is None else of_image,
            model_rows=rows_named(db, call.workspace, asked.text("modelId"), asked.text("modelName")),
        )
        return services.list_services(db, call.workspace, paging, wanted, opens=call.opens_secrets)

    found = await call.services.database.read(find)
    return answer_page(call, asked, [service_out(each) for each in found.services], found.next_place)


@hosting_route("POST", "/services", Action.WRITE, body=ServiceIn, status=202)
async def create_service(call: Call) -> Response:
    """Register a service: 202 with `Operation-Location`. Its state moves by reports and probes."""
    body = await read_json(call, ServiceIn)

    def make(db: Transaction) -> Operation:
        made = services.create_service(db, call.actor, call.workspace, body.new(body.name or ""))
        return note_registration(db, call, Scope.SERVICE, made.row_id)

    return answer_registration(call, await call.services.database.write(make))


@hosting_route("GET", "/services/{id}", Action.READ, answer=ServiceOut)
async def read_service(call: Call) -> Response:
    """One service, by its id or its name."""
    found = await call.services.database.read(
        lambda db: services.get_service(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
    return reply(service_out(found))


@hosting_route("PUT", "/services/{id}", Action.WRITE, body=ServiceIn, status=202)
async def change_service(call: Call) -> Response:
    """Change a service: 202 with `Operation-Location`. Another image sets it moving again."""
    body = await read_json(call, ServiceIn)

    def change(db: Transaction) -> Operation:
        changed = services.change_service(db, call.workspace, call.params["id"], body.change())
        return note_registration(db, call, Scope.SERVICE, changed.row_id)

    return answer_registration(call, await call.services.database.write(change))


@hosting_route("DELETE", "/services/{id}", Action.DELETE)
async def delete_service(call: Call) -> Response:
    """Delete a service: 200 done, 204 there was none."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        return [(Scope.SERVICE, services.get_service(db, call.workspace, call.params["id"]).row_id)]

    return await delete_document(call, find)


@hosting_route("GET", "/services/{id}/keys", Action.SECRETS, answer=KeysOut)
async def read_keys(call: Call) -> Response:
    """The two keys of a service."""
    return reply(
        _keys_out(await call.services.database.read(lambda db: services.keys_of(db, call.workspace, call.params["id"])))
    )


@hosting_route("POST", "/services/{id}/regenerateKeys", Action.SECRETS, body=KeyIn, answer=KeysOut)
async def renew_key(call: Call) -> Response:
    """A new key in place of one of the two."""
    key = (await read_json(call, KeyIn)).key_type
    renewed = await call.services.database.write(
        lambda db: services.renew_key(db, call.workspace, call.params["id"], key)
    )
    return reply(_keys_out(renewed))


def _keys_out(keys: Keys) -> KeysOut:
    return KeysOut(primary_key=keys.primary, secondary_key=keys.secondary)
