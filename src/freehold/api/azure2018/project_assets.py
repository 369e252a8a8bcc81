"""Assets of a project: calls 70 and 74. Source: AssetDto of azureml-core 0.1.50."""

from collections.abc import Sequence
from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.artifact_links import content_uri
from freehold.api.azure.deleting import delete_document
from freehold.api.azure.reading import paged_by_query, read_json
from freehold.api.azure.wire import Wire
from freehold.api.azure2018.facade import ARTIFACT, projects
from freehold.api.entry import Call
from freehold.api.paging import give_token
from freehold.api.replies import reply
from freehold.api.routing import Within
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.rules import ASSET_ORIGIN
from freehold.domain.artifacts.service import ArtifactName
from freehold.domain.assets import service as assets
from freehold.domain.assets.service import AssetView, Entry, NewAsset
from freehold.domain.documents.queries import Paging
from freehold.kit.problems import NotFound
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_ASSETS = f"{ARTIFACT}/assets"


class ArtifactIn(Wire):
    id: str | None = None
    prefix: str | None = None


class AssetIn(Wire):
    name: str
    type: str | None = None
    artifacts: list[ArtifactIn] = msgspec.field(default_factory=list)
    properties: dict[str, str] | None = None

    def new(self) -> NewAsset:
        entries = [Entry(each.id, each.prefix) for each in self.artifacts]
        return NewAsset(self.name, entries, {"type": self.type}, properties=self.properties)


@projects.route("GET", _ASSETS, Within(Action.READ))
async def list_assets(call: Call) -> Response:
    """Assets of a project in pages, newest first."""
    paged = paged_by_query(call)
    paging = Paging(paged.question.limit, paged.question.after)

    def find(db: Transaction) -> Response:
        found = assets.list_assets(db, call.workspace, paging)
        token = give_token(call, found.next_place, *paged.bound)
        return reply({"value": _documents(db, call, found.assets), "continuationToken": token})

    return await call.services.database.read(find)


@projects.route("POST", _ASSETS, Within(Action.WRITE))
async def create_asset(call: Call) -> Response:
    """Make the next version of an asset of artifacts that are here."""
    new = (await read_json(call, AssetIn)).new()

    def make(db: Transaction) -> Response:
        return reply(_documents(db, call, [assets.create_asset(db, call.actor, call.workspace, new)])[0])

    return await call.services.database.write(make)


@projects.route("GET", f"{_ASSETS}/name/{{name}}", Within(Action.READ))
async def read_by_name(call: Call) -> Response:
    """The newest version of the asset of a name."""

    def read(db: Transaction) -> Response:
        found = assets.list_assets(db, call.workspace, Paging(1), name=call.params["name"]).assets
        if not found:
            raise NotFound("AssetNotFound", "There is no asset of this name in the project.")
        return reply(_documents(db, call, found)[0])

    return await call.services.database.read(read)


@projects.route("GET", f"{_ASSETS}/id/{{id}}", Within(Action.READ))
async def read_by_id(call: Call) -> Response:
    """One asset by its id."""

    def read(db: Transaction) -> Response:
        return reply(_documents(db, call, [assets.get_asset(db, call.workspace, call.params["id"])])[0])

    return await call.services.database.read(read)


@projects.route("DELETE", f"{_ASSETS}/id/{{id}}", Within(Action.DELETE))
async def delete_asset(call: Call) -> Response:
    """Delete an asset with what it alone holds: 200 done, 204 there was none."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        found = assets.find_asset(db, call.workspace, call.params["id"])
        return [(Scope.ASSET, found.row_id)] if found else []

    return await delete_document(call, find)


def _documents(db: Transaction, call: Call, found: Sequence[AssetView]) -> list[dict[str, Any]]:
    files = assets.files_of(db, call.workspace, found)
    newest = assets.newest_of(db, call.workspace, found)
    return [_asset_out(call, each, files[each.row_id], is_current=each.row_id in newest) for each in found]


def _asset_out(call: Call, found: AssetView, paths: Sequence[str], *, is_current: bool) -> dict[str, Any]:
    """AssetDto. One file at the top is `file`; anything else is a `folder`."""
    folder = [{"path": path, "artifactId": f"{ASSET_ORIGIN}/{found.asset_id}/{path}", "uri": _uri(call, found, path)}
              for path in paths]  # fmt: skip
    is_file = len(folder) == 1
    return {
        "assetId": found.asset_id,
        "name": found.name,
        "currentVersion": {
            "version": str(found.version),
            "type": found.document.get("type"),
            "fileOrFolder": "File" if is_file else "Folder",
            "isCurrent": is_current,
            "file": {name: folder[0][name] for name in ("artifactId", "uri")} if is_file else None,
            "folder": None if is_file else folder,
            "properties": found.labels.properties,
        },
    }


def _uri(call: Call, found: AssetView, path: str) -> str:
    return content_uri(call, ArtifactName(ASSET_ORIGIN, found.asset_id, path), may=Action.READ)
