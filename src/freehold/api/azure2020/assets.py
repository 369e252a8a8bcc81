"""Assets: list, create, read, change, delete. Calls 4, 5, 26 and 27."""

from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.patching import patched, read_patch, texts
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.facade import model_management_route
from freehold.api.azure2020.model_shapes import AssetIn, AssetOut, AssetPage, asset_out
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.assets import service as assets
from freehold.domain.assets.service import AssetView, FoundAssets
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@model_management_route("GET", "/assets", Action.READ, answer=AssetPage)
async def list_assets(call: Call) -> Response:
    """Assets in pages, newest first; by name, run, tags, properties."""
    asked = Asked(call)
    paging = asked.paging()

    def find(db: Transaction) -> FoundAssets:
        return assets.list_assets(
            db,
            call.workspace,
            paging,
            name=asked.text("name"),
            run_id=asked.text("runId"),
            labels=asked.labels(),
        )

    found = await call.services.database.read(find)
    return answer_page(call, asked, [asset_out(each) for each in found.assets], found.next_place)


@model_management_route("POST", "/assets", Action.WRITE, body=AssetIn, answer=AssetOut)
async def create_asset(call: Call) -> Response:
    """Make an asset of artifacts, by their ids or by the beginning of them."""
    body = await read_json(call, AssetIn)
    made = await call.services.database.write(
        lambda db: assets.create_asset(db, call.actor, call.workspace, body.new())
    )
    return reply(asset_out(made))


@model_management_route("GET", "/assets/{id}", Action.READ, answer=AssetOut)
async def read_asset(call: Call) -> Response:
    """One asset."""
    found = await call.services.database.read(lambda db: assets.get_asset(db, call.workspace, call.params["id"]))
    return reply(asset_out(found))


@model_management_route("PATCH", "/assets/{id}", Action.WRITE, answer=AssetOut)
async def change_asset(call: Call) -> Response:
    """Change an asset's tags, properties, description or `meta` by a JSON Patch."""
    operations = await read_patch(call)

    def change(db: Transaction) -> AssetView:
        standing = assets.get_asset(db, call.workspace, call.params["id"])
        given, labels = standing.document, standing.labels
        fields = {"description": given.get("description"), "meta": given.get("meta")}
        changed = patched(fields | {"kvTags": labels.tags, "properties": labels.properties}, operations)
        return assets.change_asset(
            db,
            call.workspace,
            call.params["id"],
            document=given | {"description": changed["description"], "meta": texts(changed["meta"], "meta")},
            tags=texts(changed["kvTags"], "kvTags"),
            properties=texts(changed["properties"], "properties"),
        )

    return reply(asset_out(await call.services.database.write(change)))


@model_management_route("DELETE", "/assets/{id}", Action.DELETE)
async def delete_asset(call: Call) -> Response:
    """Delete an asset with its files: 200 done, 204 there was none. A model that pointed to it keeps its document."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        found = assets.find_asset(db, call.workspace, call.params["id"])
        return [(Scope.ASSET, found.row_id)] if found else []

    return await delete_document(call, find)
