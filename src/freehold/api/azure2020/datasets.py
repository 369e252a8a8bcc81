"""Datasets: list, register, read, change, unregister. Source: azureml-core 1.61.0, its dataset operations.

DELETE removes the reference with all its versions, and never data: the header `x-freehold-note` says so.
A credential or a signed address in a definition is kept apart, and only who has the right to secrets reads it.
"""

from collections.abc import Sequence

from starlette.responses import Response

from freehold.api.azure.deleting import Roots, delete_reference
from freehold.api.azure.listing import Asked, answer_tokened_page
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.dataset_shapes import DatasetIn, DatasetOut, DatasetPage, StateIn, dataset_out
from freehold.api.azure2020.facade import dataset
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.api.routing import WORKSPACE, Within
from freehold.domain.access.actor import Action
from freehold.domain.datasets import rules
from freehold.domain.datasets import service as datasets
from freehold.domain.datasets.definitions import SavedView, get_saved, open_saved
from freehold.domain.datasets.queries import Wanted
from freehold.domain.datasets.service import DatasetView, FoundDatasets
from freehold.kit.problems import NotFound
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

DATASETS = f"/dataset/v1.0{WORKSPACE}/datasets"
DATASET = f"{DATASETS}/{{dataset}}"
UNREGISTERED = "unregistered-"


@dataset.route("GET", DATASETS, Within(Action.READ), answer=DatasetPage)
async def list_datasets(call: Call) -> Response:
    """Registered datasets in pages of `pageSize`, newest first; by name, part of the name, status, visibility."""
    asked = Asked(call)
    paging = asked.paging()
    state = asked.text("status")
    wanted = Wanted(
        asked.texts("datasetNames"),
        asked.text("searchText"),
        rules.check_state(state) if state else None,
        asked.text("includeInvisible") is None or asked.flag("includeInvisible"),
    )

    def find(db: Transaction) -> FoundDatasets:
        page = datasets.list_datasets(db, call.workspace, paging, wanted, has_latest=has_latest(asked))
        return page._replace(datasets=shown(db, call, page.datasets))

    found = await call.services.database.read(find)
    return answer_tokened_page(asked, [dataset_out(each) for each in found.datasets], found.next_place)


@dataset.route("POST", DATASETS, Within(Action.WRITE), body=DatasetIn, answer=DatasetOut)
async def register(call: Call) -> Response:
    """Register a dataset: 409 where there is one of its name, unless `ifExistsOk`.

    With `updateDefinitionIfExists` the definition is then a new version of it.
    """
    body, asked = await read_json(call, DatasetIn), Asked(call)
    new = body.new(is_pending=asked.flag("registerAsPending"))

    def make(db: Transaction) -> DatasetView:
        made = datasets.register_dataset(
            db,
            call.actor,
            call.workspace,
            new,
            may_stand=asked.flag("ifExistsOk"),
            adds_version=asked.flag("updateDefinitionIfExists"),
        )
        return shown(db, call, [made])[0]

    return reply(dataset_out(await call.services.database.write(make)))


@dataset.route("DELETE", DATASETS, Within(Action.DELETE))
async def unregister_all(call: Call) -> Response:
    """Unregister all datasets of the workspace. The data stays, and so do saved datasets that never got a name."""

    def find(db: Transaction) -> Roots:
        return [(Scope.DATASET, row) for row in datasets.rows_standing(db, call.workspace)]

    return await delete_reference(call, find, missing=200)


@dataset.route("GET", f"{DATASETS}/query/name={{name}}", Within(Action.READ), answer=DatasetOut)
async def read_named(call: Call) -> Response:
    """One dataset by its name; with `versionId`, that version stands in `latest`."""
    asked = Asked(call)

    def read(db: Transaction) -> DatasetView:
        version = asked.text("versionId")
        found = datasets.get_named(db, call.workspace, call.params["name"], version, has_latest=has_latest(asked))
        return shown(db, call, [found])[0]

    return reply(dataset_out(await call.services.database.read(read)))


@dataset.route("GET", f"{DATASETS}/query/savedDatasetId={{saved}}", Within(Action.READ), answer=DatasetPage)
async def list_of_saved(call: Call) -> Response:
    """Datasets of which a saved dataset is a version, each with that version in `latest`."""
    asked = Asked(call)
    paging = asked.paging()
    saved_id = call.params["saved"]

    def find(db: Transaction) -> FoundDatasets:
        page = datasets.list_of_saved(db, call.workspace, paging, saved_id)
        return page._replace(datasets=shown(db, call, page.datasets))

    found = await call.services.database.read(find)
    return answer_tokened_page(asked, [dataset_out(each) for each in found.datasets], found.next_place)


@dataset.route("GET", DATASET, Within(Action.READ), answer=DatasetOut)
async def read_dataset(call: Call) -> Response:
    """One dataset by its id."""
    latest = has_latest(Asked(call))

    def read(db: Transaction) -> DatasetView:
        found = datasets.get_dataset(db, call.workspace, call.params["dataset"], has_latest=latest)
        return shown(db, call, [found])[0]

    return reply(dataset_out(await call.services.database.read(read)))


@dataset.route("PUT", DATASET, Within(Action.WRITE), body=DatasetIn, answer=DatasetOut)
async def change_dataset(call: Call) -> Response:
    """Change a dataset's description, tags, visibility; 412 where its `etag` is old, unless `forceUpdate`."""
    body = await read_json(call, DatasetIn)
    change = body.change(forces=Asked(call).flag("forceUpdate"))

    def put(db: Transaction) -> DatasetView:
        return shown(db, call, [datasets.change_dataset(db, call.workspace, call.params["dataset"], change)])[0]

    return reply(dataset_out(await call.services.database.write(put)))


@dataset.route("PUT", f"{DATASET}/state", Within(Action.WRITE), body=StateIn)
async def set_state(call: Call) -> Response:
    """Make a dataset active, deprecated or archived."""
    body = await read_json(call, StateIn)
    etag = None if Asked(call).flag("forceUpdate") else body.etag

    def change(db: Transaction) -> DatasetView:
        dataset_id = call.params["dataset"]
        return datasets.set_state(db, call.workspace, dataset_id, body.state or "", body.deprecated_by, etag)

    await call.services.database.write(change)
    return empty(200)


@dataset.route("DELETE", DATASET, Within(Action.DELETE))
async def unregister(call: Call) -> Response:
    """Unregister a dataset, by its name or id, with all its versions: 200 done, 204 there was none."""

    def find(db: Transaction) -> Roots:
        return [(Scope.DATASET, row) for row in datasets.rows_called(db, call.workspace, call.params["dataset"])]

    return await delete_reference(call, find)


@dataset.route("GET", f"/data/v1.0{WORKSPACE}/dataversion/{{name}}/versions/{{version}}", Within(Action.READ))
async def read_data_asset(call: Call) -> Response:
    """The dataflow of a saved dataset, by its id behind `unregistered-`; 404 for a data asset of SDK v2.

    azureml-core 1.61 asks for it whenever it makes a dataset object, and takes the JSON that it saved itself as well as
    the YAML of its later engine.
    """
    name = call.params["name"]
    if name.startswith(UNREGISTERED):
        saved_id = name.removeprefix(UNREGISTERED)
        saved = await call.services.database.read(
            lambda db: shown_saved(db, call, get_saved(db, call.workspace, saved_id))
        )
        return reply({"legacyDataflow": saved.document.get("dataflowJson")})
    known = await call.services.database.read(lambda db: datasets.rows_called(db, call.workspace, name))
    message = (
        "This is a dataset, and no data asset: ask for it below /dataset/v1.0."
        if known
        else "There is no dataset of this name in the workspace, and data assets of SDK v2 are not kept here."
    )
    raise NotFound("DataAssetNotFound", message)


def shown(db: Transaction, call: Call, found: Sequence[DatasetView]) -> list[DatasetView]:
    """With the secrets of their definitions, where the caller has the right to them."""
    return datasets.open_datasets(db, call.workspace, found) if call.opens_secrets else list(found)


def shown_saved(db: Transaction, call: Call, found: SavedView) -> SavedView:
    return open_saved(db, call.workspace, found) if call.opens_secrets else found


def has_latest(asked: Asked) -> bool:
    return asked.text("includeLatestDefinition") is None or asked.flag("includeLatestDefinition")
