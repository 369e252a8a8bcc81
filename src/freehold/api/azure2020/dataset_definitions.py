"""Versions of datasets, and saved datasets. Source: azureml-core 1.61.0, its dataset operations."""

from starlette.responses import Response

from freehold.api.azure.deleting import Roots, delete_reference
from freehold.api.azure.listing import Asked
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.dataset_shapes import (
    DataPath,
    DatasetOut,
    DefinitionIn,
    DefinitionOut,
    DefinitionPage,
    SavedIn,
    SavedOut,
    StateIn,
    dataset_out,
    definition_out,
    saved_out,
)
from freehold.api.azure2020.datasets import DATASET, shown, shown_saved
from freehold.api.azure2020.facade import dataset
from freehold.api.entry import Call
from freehold.api.paging import give_token, page_size, take_token
from freehold.api.replies import empty, reply
from freehold.api.routing import WORKSPACE, Within
from freehold.domain.access.actor import Action
from freehold.domain.datasets import definitions
from freehold.domain.datasets import service as datasets
from freehold.domain.datasets.definitions import DefinitionView, SavedView
from freehold.domain.datasets.service import DatasetView
from freehold.kit.problems import NotFound
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

DEFINITIONS = f"{DATASET}/definitions"
DEFINITION = f"{DEFINITIONS}/{{version}}"
SAVED = f"/dataset/v1.0{WORKSPACE}/saveddatasets"


@dataset.route("GET", DEFINITIONS, Within(Action.READ), answer=DefinitionPage)
async def list_definitions(call: Call) -> Response:
    """The versions of a dataset in pages of `pageSize`, newest first."""
    asked = Asked(call)
    size, start = page_size(asked.text("pageSize")), take_token(call, asked.text("continuationToken"))

    def find(db: Transaction) -> list[DefinitionView]:
        found = datasets.find_row(db, call.workspace, call.params["dataset"])
        page = definitions.list_definitions(db, call.workspace, found, start[0] if start else None, size + 1)
        return _shown(db, call, page)

    found = await call.services.database.read(find)
    place = [found[size - 1].version] if len(found) > size else None
    value = [definition_out(each) for each in found[:size]]
    return reply(DefinitionPage(value=value, continuation_token=give_token(call, place)))


@dataset.route("POST", DEFINITIONS, Within(Action.WRITE), body=DefinitionIn, answer=DatasetOut)
async def add_definition(call: Call) -> Response:
    """Add a version to a dataset."""
    body, asked = await read_json(call, DefinitionIn), Asked(call)
    new = body.new(is_pending=asked.flag("registerAsPending"))

    def add(db: Transaction) -> DatasetView:
        made = datasets.add_version(db, call.actor, call.workspace, call.params["dataset"], new)
        return shown(db, call, [made])[0]

    return reply(dataset_out(await call.services.database.write(add)))


@dataset.route("GET", DEFINITION, Within(Action.READ), answer=DefinitionOut)
async def read_definition(call: Call) -> Response:
    """One version of a dataset; `latest` is the newest."""
    return reply(definition_out(await _definition(call)))


@dataset.route("PUT", DEFINITION, Within(Action.WRITE), body=DefinitionIn, answer=DatasetOut)
async def replace_definition(call: Call) -> Response:
    """Replace what a version says; 412 where its `etag` is old, unless `forceUpdate`."""
    body = await read_json(call, DefinitionIn)
    etag = None if Asked(call).flag("forceUpdate") else body.etag

    def put(db: Transaction) -> DatasetView:
        found = datasets.find_row(db, call.workspace, call.params["dataset"])
        version = call.params["version"]
        definitions.replace_definition(db, call.actor, call.workspace, found, version, body.new(), etag)
        return shown(db, call, [datasets.get_dataset(db, call.workspace, found.dataset_id)])[0]

    return reply(dataset_out(await call.services.database.write(put)))


@dataset.route("GET", f"{DEFINITION}/path", Within(Action.READ), answer=DataPath)
async def read_path(call: Call) -> Response:
    """Where the data of a version lies; 404 where only its dataflow says so."""
    path = (await _definition(call)).document.get("dataPath")
    if path is None:
        raise NotFound("DataPathNotFound", "This version has no data path; its dataflow says where the data lies.")
    return reply(path)


@dataset.route("PUT", f"{DEFINITION}/state", Within(Action.WRITE), body=StateIn)
async def set_definition_state(call: Call) -> Response:
    """Make a version active, deprecated or archived."""
    body = await read_json(call, StateIn)
    etag = None if Asked(call).flag("forceUpdate") else body.etag

    def change(db: Transaction) -> None:
        found = datasets.find_row(db, call.workspace, call.params["dataset"])
        version, state = call.params["version"], body.state or ""
        definitions.set_definition_state(db, call.workspace, found.row_id, version, state, body.deprecated_by, etag)

    await call.services.database.write(change)
    return empty(200)


@dataset.route("POST", SAVED, Within(Action.WRITE), body=SavedIn, answer=SavedOut)
async def save_dataset(call: Call) -> Response:
    """Save a dataset without a name; the same content again is the same saved dataset."""
    return await _save(call, await read_json(call, SavedIn))


@dataset.route("POST", f"{SAVED}/from-data-path", Within(Action.WRITE), body=DataPath, answer=SavedOut)
async def save_path(call: Call) -> Response:
    """Save a dataset that is a path."""
    return await _save(call, SavedIn(data_path=await read_json(call, DataPath)))


@dataset.route("GET", f"{SAVED}/{{saved}}", Within(Action.READ), answer=SavedOut)
async def read_saved(call: Call) -> Response:
    """A saved dataset; with `resolveLegacyId`, the id may be one of a registered dataset."""
    resolves = Asked(call).flag("resolveLegacyId")

    def read(db: Transaction) -> SavedView:
        found = definitions.get_saved(db, call.workspace, call.params["saved"], may_be_registered=resolves)
        return shown_saved(db, call, found)

    return reply(saved_out(await call.services.database.read(read)))


@dataset.route("DELETE", f"{SAVED}/{{saved}}", Within(Action.DELETE))
async def delete_saved(call: Call) -> Response:
    """Freehold's own, for Azure keeps them for ever: delete a saved dataset; versions that name it stay."""

    def find(db: Transaction) -> Roots:
        try:
            return [(Scope.DATASET, definitions.get_saved(db, call.workspace, call.params["saved"]).row_id)]
        except NotFound:
            return []

    return await delete_reference(call, find)


async def _save(call: Call, body: SavedIn) -> Response:
    def save(db: Transaction) -> SavedView:
        saved = definitions.save_dataset(db, call.actor, call.workspace, body.dataset_type, body.content())
        return shown_saved(db, call, saved)

    return reply(saved_out(await call.services.database.write(save)))


async def _definition(call: Call) -> DefinitionView:
    def read(db: Transaction) -> DefinitionView:
        found = datasets.find_row(db, call.workspace, call.params["dataset"])
        row = definitions.find_definition(db, call.workspace, found.row_id, call.params["version"])
        return _shown(db, call, [definitions.definition_view(row, found.dataset_id)])[0]

    return await call.services.database.read(read)


def _shown(db: Transaction, call: Call, found: list[DefinitionView]) -> list[DefinitionView]:
    return definitions.open_definitions(db, call.workspace, found) if call.opens_secrets else found
