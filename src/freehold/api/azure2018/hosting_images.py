"""Images of a hosting account: calls 44, 45, 57 and 58. Freehold builds none: see `domain/images`."""

from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.reading import read_json
from freehold.api.azure.registrations import OperationOut, answer_registration, note_registration, read_registration
from freehold.api.azure2018.facade import hosting_route
from freehold.api.azure2018.hosting_shapes import ImageIn, ImageOut, ImagePage, image_out
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.images import service as images
from freehold.domain.images.queries import Wanted
from freehold.operations.model import Operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@hosting_route("GET", "/images", Action.READ, answer=ImagePage)
async def list_images(call: Call) -> Response:
    """Images in pages, newest first; by name and manifest."""
    asked = Asked(call)
    paging = asked.paging()
    wanted = Wanted(
        asked.text("imageName") or asked.text("name"),
        manifest_id=asked.text("manifestId"),
        manifest_name=asked.text("manifestName"),
    )
    found = await call.services.database.read(
        lambda db: images.list_images(db, call.workspace, paging, wanted, opens=call.opens_secrets)
    )
    return answer_page(call, asked, [image_out(each) for each in found.images], found.next_place)


@hosting_route("POST", "/images", Action.WRITE, body=ImageIn, status=202)
async def create_image(call: Call) -> Response:
    """Register an image of a manifest: 202 with `Operation-Location`. It waits for a report of its build."""
    new = (await read_json(call, ImageIn)).new()

    def make(db: Transaction) -> Operation:
        made = images.create_image(db, call.actor, call.workspace, new)
        return note_registration(db, call, Scope.IMAGE, made.row_id)

    return answer_registration(call, await call.services.database.write(make))


@hosting_route("GET", "/images/{id}", Action.READ, answer=ImageOut)
async def read_image(call: Call) -> Response:
    """One image, by its id."""
    found = await call.services.database.read(
        lambda db: images.get_image(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
    return reply(image_out(found))


@hosting_route("DELETE", "/images/{id}", Action.DELETE)
async def delete_image(call: Call) -> Response:
    """Delete an image: 200 done, 204 there was none, 412 a service still runs it."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        return [(Scope.IMAGE, images.get_image(db, call.workspace, call.params["id"]).row_id)]

    return await delete_document(call, find)


@hosting_route("GET", "/operations/{operation}", Action.READ, answer=OperationOut)
async def read_operation(call: Call) -> Response:
    """The operation that registering an image or a service answered with, and where what it made is."""
    return reply(await read_registration(call, by_id=True))
