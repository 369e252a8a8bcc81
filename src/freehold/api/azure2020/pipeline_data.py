"""Data sources and data types: create, read, list, change. Call 36."""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.reading import read_json
from freehold.api.azure2020.pipeline_data_shapes import source_out, type_out
from freehold.api.azure2020.pipeline_lists import Found, answer_list
from freehold.api.azure2020.pipeline_module_shapes import EntityIn
from freehold.api.azure2020.pipeline_routes import pipeline_route
from freehold.api.azure2020.pipeline_shapes import Pascal
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging
from freehold.domain.documents.rules import without_nothing
from freehold.domain.pipelines import objects, sources
from freehold.domain.pipelines.objects import NewObject
from freehold.domain.pipelines.queries import Wanted
from freehold.domain.pipelines.sources import Place, TypeView
from freehold.storage.transaction import Transaction


class SourceIn(Pascal):
    name: str
    content_hash: str | None = None
    data_type_id: str | None = None
    description: str | None = None
    data_store_name: str | None = None
    path_on_data_store: str | None = None
    sql_table_name: str | None = None
    sql_query: str | None = None
    sql_stored_procedure_name: str | None = None
    sql_stored_procedure_params: list[dict[str, Any]] | None = None
    identifier_hash: str | None = None

    def place(self) -> Place:
        sql = {
            "TableName": self.sql_table_name,
            "SqlQuery": self.sql_query,
            "StoredProcedureName": self.sql_stored_procedure_name,
            "StoredProcedureParameters": self.sql_stored_procedure_params,
        }
        return Place(self.data_store_name, self.path_on_data_store, without_nothing(sql))

    def new(self) -> NewObject:
        document = {"Description": self.description, "DataTypeId": self.data_type_id, "Hash": self.content_hash}
        return NewObject(document, self.name, digest=self.identifier_hash)


class TypeIn(Pascal):
    id: str
    name: str | None = None
    description: str | None = None
    is_directory: bool = False
    parent_data_type_ids: list[str] = msgspec.field(default_factory=list)


class ChangedTypeIn(EntityIn):
    parent_data_type_ids: list[str] | None = None


@pipeline_route("GET", "/DataSources", Action.READ)
async def list_sources(call: Call) -> Response:
    """Data sources, newest first."""

    def page(db: Transaction, paging: Paging, active_only: bool) -> Found:
        found = objects.list_objects(db, call.workspace, sources.SOURCE, paging, Wanted(active_only))
        return [source_out(each) for each in found.objects], found.next_place

    return await answer_list(call, page)


@pipeline_route("POST", "/DataSources", Action.WRITE, body=SourceIn)
async def create_source(call: Call) -> Response:
    """Make a data source. The same content under the same hash is one source."""
    body = await read_json(call, SourceIn)
    made = await call.services.database.write(
        lambda db: sources.create_source(db, call.actor, call.workspace, body.place(), body.new())
    )
    return reply(source_out(made))


@pipeline_route("GET", "/DataSources/Hash/{hash}", Action.READ)
async def read_source_by_hash(call: Call) -> Response:
    """The newest data source of an `IdentifierHash`; 404 tells the SDK to make one."""
    digest = call.params["hash"]
    found = await call.services.database.read(
        lambda db: objects.get_by_digest(db, call.workspace, sources.SOURCE, digest, opens=call.opens_secrets)
    )
    return reply(source_out(found))


@pipeline_route("GET", "/DataSources/{id}", Action.READ)
async def read_source(call: Call) -> Response:
    """One data source."""
    found = await call.services.database.read(
        lambda db: objects.get(db, call.workspace, sources.SOURCE, call.params["id"], opens=call.opens_secrets)
    )
    return reply(source_out(found))


@pipeline_route("PUT", "/DataSources/{id}", Action.WRITE, body=EntityIn)
async def change_source(call: Call) -> Response:
    """Change its name, description or status; where it lies stays."""
    body = await read_json(call, EntityIn)
    changed = await call.services.database.write(
        lambda db: objects.change(
            db,
            call.workspace,
            sources.SOURCE,
            call.params["id"],
            fields={"Description": body.description},
            name=body.name,
            status=body.entity_status,
        )
    )
    return reply(source_out(changed))


@pipeline_route("GET", "/DataTypes", Action.READ)
async def list_types(call: Call) -> Response:
    """Data types: those that every workspace has, then its own."""
    found = await call.services.database.read(lambda db: sources.list_types(db, call.workspace))
    return reply([type_out(each) for each in found])


@pipeline_route("POST", "/DataTypes", Action.WRITE, body=TypeIn)
async def create_type(call: Call) -> Response:
    """Make a data type; one of this id that stands is answered as it is."""
    body = await read_json(call, TypeIn)
    wanted = TypeView(body.id, body.name, body.description, body.is_directory, body.parent_data_type_ids)
    made = await call.services.database.write(lambda db: sources.create_type(db, call.actor, call.workspace, wanted))
    return reply(type_out(made))


@pipeline_route("PUT", "/DataTypes/{id}", Action.WRITE, body=ChangedTypeIn)
async def change_type(call: Call) -> Response:
    """Change the description, parents, name or status of one of the workspace's own."""
    body = await read_json(call, ChangedTypeIn)
    changed = await call.services.database.write(
        lambda db: sources.change_type(
            db,
            call.workspace,
            call.params["id"],
            name=body.name,
            description=body.description,
            parent_ids=body.parent_data_type_ids,
            status=body.entity_status,
        )
    )
    return reply(type_out(changed))
