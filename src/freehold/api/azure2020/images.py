"""Images: list, create, read, change, delete. Calls 6, 7, 28 and 29. Freehold builds none: see `domain/images`."""

from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.patching import patched, read_patch, texts
from freehold.api.azure.reading import read_json
from freehold.api.azure.registrations import answer_registration, note_registration
from freehold.api.azure2020.facade import model_management_route
from freehold.api.azure2020.image_shapes import ImageIn, ImageOut, ImagePage, image_out
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.images import service as images
from freehold.domain.images.queries import Wanted
from freehold.domain.images.service import FoundImages, ImageView
from freehold.domain.models.service import rows_named
from freehold.operations.model import Operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@model_management_route("GET", "/images", Action.READ, answer=ImagePage)
async def list_images(call: Call) -> Response:
    """Images in pages, newest first; by name, model, tags. `expand=true`: with their models' documents."""
    asked = Asked(call)
    paging = asked.paging()

    def find(db: Transaction) -> FoundImages:
        wanted = Wanted(
            asked.text("name"),
            asked.number("version"),
            rows_named(db, call.workspace, asked.text("modelId"), asked.text("modelName")),
            labels=asked.labels(),
        )
        return images.list_images(db, call.workspace, paging, wanted, opens=call.opens_secrets)

    found = await call.services.database.read(find)
    expands = asked.flag("expand")
    return answer_page(call, asked, [image_out(each, expands=expands) for each in found.images], found.next_place)


@model_management_route("POST", "/images", Action.WRITE, body=ImageIn, status=202)
async def create_image(call: Call) -> Response:
    """Register an image: 202 with `Operation-Location`. Without `imageLocation` it waits for a report of its build."""
    body = await read_json(call, ImageIn)

    def make(db: Transaction) -> Operation:
        made = images.create_image(db, call.actor, call.workspace, body.new())
        return note_registration(db, call, Scope.IMAGE, made.row_id)

    return answer_registration(call, await call.services.database.write(make))


@model_management_route("GET", "/images/{id}", Action.READ, answer=ImageOut)
async def read_image(call: Call) -> Response:
    """One image, by `name:version`."""

    def read(db: Transaction) -> ImageView:
        return images.get_image(db, call.workspace, call.params["id"], opens=call.opens_secrets)

    return reply(image_out(await call.services.database.read(read)))


@model_management_route("PATCH", "/images/{id}", Action.WRITE, answer=ImageOut)
async def change_image(call: Call) -> Response:
    """Change an image's tags, properties or description by a JSON Patch."""
    operations = await read_patch(call)

    def change(db: Transaction) -> ImageView:
        standing = images.get_image(db, call.workspace, call.params["id"])
        labels = standing.labels
        fields = {"description": standing.document.get("description")}
        changed = patched(fields | {"kvTags": labels.tags, "properties": labels.properties}, operations)
        return images.change_image(
            db,
            call.workspace,
            call.params["id"],
            document={"description": changed["description"]},
            tags=texts(changed["kvTags"], "kvTags"),
            properties=texts(changed["properties"], "properties"),
        )

    return reply(image_out(await call.services.database.write(change)))


@model_management_route("DELETE", "/images/{id}", Action.DELETE)
async def delete_image(call: Call) -> Response:
    """Delete an image: 200 done, 204 there was none, 412 a service still runs it."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        return [(Scope.IMAGE, images.get_image(db, call.workspace, call.params["id"]).row_id)]

    return await delete_document(call, find)
