"""Datastores: list, register, read, replace, unregister; the default one. Calls 22 and 23, azureml-core 1.61.0.

An answer has the secrets of a datastore only for whoever has the right to them, and not with `includeSecret=false`.
DELETE removes the reference alone: data that lies outside is never touched, and the header `x-freehold-note` says so.
"""

from starlette.responses import Response

from freehold.api.azure.deleting import Roots, delete_reference
from freehold.api.azure.listing import Asked, answer_tokened_page
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.datastore_shapes import DatastoreIn, DatastoreOut, DatastorePage, datastore_out
from freehold.api.azure2020.facade import datastore
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.api.routing import WORKSPACE, Within
from freehold.domain.access.actor import Action
from freehold.domain.datastores import rules
from freehold.domain.datastores import service as datastores
from freehold.domain.datastores.service import DatastoreView, FoundDatastores, NewDatastore
from freehold.kit.problems import Conflict, Forbidden, Invalid, NotFound, Unavailable
from freehold.records.rules import Scope
from freehold.storage.outside.hosts import UNKNOWN_FROM_HERE
from freehold.storage.outside.opening import open_outside
from freehold.storage.transaction import Transaction

ROOT = f"/datastore/v1.0{WORKSPACE}"
DEFAULT_COUNT = 30


@datastore.route("GET", f"{ROOT}/datastores", Within(Action.READ), answer=DatastorePage)
async def list_datastores(call: Call) -> Response:
    """Datastores in pages of `count`, newest first; those of `dataStoreNames` alone where it is given."""
    asked = Asked(call)
    paging, names = asked.paging(DEFAULT_COUNT), asked.texts("dataStoreNames")

    def find(db: Transaction) -> FoundDatastores:
        return datastores.list_datastores(db, call.workspace, paging, names, opens=_opens(call))

    found = await call.services.database.read(find)
    return answer_tokened_page(asked, [datastore_out(each) for each in found.datastores], found.next_place)


@datastore.route("POST", f"{ROOT}/datastores", Within(Action.WRITE), body=DatastoreIn)
async def register(call: Call) -> Response:
    """Register a datastore: 200 without a body; 400 where there is one of this name, unless `createIfNotExists`.

    Without `skipValidation` the server looks inside first. A store that answers and refuses is refused; one that cannot
    be reached from here is registered as not validated, unless `skipValidation=false` asks for more.
    """
    new = await _looked_at(call, (await read_json(call, DatastoreIn)).new())
    may_stand = _flag(call, "createIfNotExists")
    await call.services.database.write(
        lambda db: datastores.create_datastore(db, call.actor, call.workspace, new, may_stand=may_stand)
    )
    return empty(200)


@datastore.route("DELETE", f"{ROOT}/datastores", Within(Action.DELETE))
async def unregister_all(call: Call) -> Response:
    """Unregister all datastores of the workspace. Their data stays where it is."""

    def find(db: Transaction) -> Roots:
        return [(Scope.DATASTORE, row) for row in datastores.rows_standing(db, call.workspace)]

    return await delete_reference(call, find, missing=200)


@datastore.route("GET", f"{ROOT}/datastores/{{name}}", Within(Action.READ), answer=DatastoreOut)
async def read_datastore(call: Call) -> Response:
    """One datastore."""

    def read(db: Transaction) -> DatastoreView:
        return datastores.get_datastore(db, call.workspace, call.params["name"], opens=_opens(call))

    return reply(datastore_out(await call.services.database.read(read)))


@datastore.route("PUT", f"{ROOT}/datastores/{{name}}", Within(Action.WRITE), body=DatastoreIn)
async def replace_datastore(call: Call) -> Response:
    """Replace a datastore's sections and credentials: 404 where there is none, unless `createIfNotExists`."""
    new = await _looked_at(call, (await read_json(call, DatastoreIn)).new(call.params["name"]))

    def put(db: Transaction) -> None:
        try:
            datastores.replace_datastore(db, call.workspace, new.name, new)
        except NotFound:
            if not _flag(call, "createIfNotExists"):
                raise
            datastores.create_datastore(db, call.actor, call.workspace, new)

    await call.services.database.write(put)
    return empty(200)


@datastore.route("DELETE", f"{ROOT}/datastores/{{name}}", Within(Action.DELETE))
async def unregister(call: Call) -> Response:
    """Unregister a datastore: 200 done, 204 there was none. Its data stays where it is."""

    def find(db: Transaction) -> Roots:
        found = datastores.find_datastore(db, call.workspace, call.params["name"])
        return [(Scope.DATASTORE, found.row_id)] if found else []

    return await delete_reference(call, find)


@datastore.route("GET", f"{ROOT}/default", Within(Action.READ), answer=DatastoreOut)
async def read_default(call: Call) -> Response:
    """The default datastore; 404 where none was chosen."""
    found = await call.services.database.read(lambda db: datastores.get_default(db, call.workspace, opens=_opens(call)))
    return reply(datastore_out(found))


@datastore.route("PUT", f"{ROOT}/default/{{name}}", Within(Action.WRITE))
async def choose_default(call: Call) -> Response:
    """Make a datastore the default one."""
    await call.services.database.write(lambda db: datastores.set_default(db, call.workspace, call.params["name"]))
    return empty(200)


async def _looked_at(call: Call, new: NewDatastore) -> NewDatastore:
    """Marked as validated where the server could list what is inside. Raises Invalid where the store refused."""
    sections = rules.with_named_credential(new.sections)
    rules.check_sections(new.store_type, sections)
    if new.store_type not in rules.OPENED:
        return new
    place = rules.place_of(new.store_type, sections)
    asked = Asked(call)
    if asked.flag("skipValidation"):
        return new
    is_strict = asked.text("skipValidation") is not None
    try:
        store = await open_outside(call.services.settings, place)
        await store.files("", "", 1)
    except (Conflict, Forbidden, NotFound, Unavailable) as fault:
        if fault.code in UNKNOWN_FROM_HERE and not is_strict:
            return new
        message = (
            f"The datastore could not be opened: {fault.message} With skipValidation=true it is registered unseen."
        )
        raise Invalid("DatastoreNotValidated", message) from None
    return new._replace(is_validated=True)


def _opens(call: Call) -> bool:
    """`includeSecret` is true where it is left out (data-plane specification of 2019)."""
    return call.opens_secrets and Asked(call).text("includeSecret") not in {"false", "False"}


def _flag(call: Call, name: str) -> bool:
    return Asked(call).flag(name)
