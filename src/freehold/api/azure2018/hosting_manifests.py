"""Manifests of a hosting account, what goes into an image: calls 40, 41, 53 and 54."""

from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.reading import read_json
from freehold.api.azure2018.facade import hosting_route
from freehold.api.azure2018.hosting_shapes import ManifestIn, ManifestOut, ManifestPage, manifest_out
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.manifests import service as manifests
from freehold.domain.manifests.service import FoundManifests
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@hosting_route("GET", "/manifests", Action.READ, answer=ManifestPage)
async def list_manifests(call: Call) -> Response:
    """Manifests in pages, newest first; by name and model."""
    asked = Asked(call)
    paging = asked.paging()

    def find(db: Transaction) -> FoundManifests:
        name, model = asked.text("manifestName") or asked.text("name"), asked.text("modelId")
        return manifests.list_manifests(
            db, call.workspace, paging, name=name, model_name=model, opens=call.opens_secrets
        )

    found = await call.services.database.read(find)
    return answer_page(call, asked, [manifest_out(each) for each in found.manifests], found.next_place)


@hosting_route("POST", "/manifests", Action.WRITE, body=ManifestIn, answer=ManifestOut)
async def create_manifest(call: Call) -> Response:
    """Make the next version of a manifest."""
    new = (await read_json(call, ManifestIn)).new()
    made = await call.services.database.write(lambda db: manifests.create_manifest(db, call.actor, call.workspace, new))
    return reply(manifest_out(made))


@hosting_route("GET", "/manifests/{id}", Action.READ, answer=ManifestOut)
async def read_manifest(call: Call) -> Response:
    """One manifest, by its id."""
    found = await call.services.database.read(
        lambda db: manifests.get_manifest(db, call.workspace, call.params["id"], opens=call.opens_secrets)
    )
    return reply(manifest_out(found))


@hosting_route("DELETE", "/manifests/{id}", Action.DELETE)
async def delete_manifest(call: Call) -> Response:
    """Delete a manifest: 200 done, 204 there was none, 412 an image still needs it."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        return [(Scope.MANIFEST, manifests.get_manifest(db, call.workspace, call.params["id"]).row_id)]

    return await delete_document(call, find)
