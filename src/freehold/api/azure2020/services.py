"""Services: list, create, read, change, delete, keys. Calls 8, 9, 30 and 31. Freehold runs none of them."""

from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.azure.deleting import delete_document
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.patching import patched, read_patch, texts
from freehold.api.azure.reading import read_json
from freehold.api.azure.registrations import answer_registration, note_registration
from freehold.api.azure2020.facade import model_management_route
from freehold.api.azure2020.service_shapes import (
    KEPT,
    KeysOut,
    LogsOut,
    RegenerateIn,
    ServiceIn,
    ServiceOut,
    ServicePage,
    service_out,
)
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.images import service as images
from freehold.domain.models.service import rows_named
from freehold.domain.services import service as services
from freehold.domain.services.queries import Wanted
from freehold.domain.services.service import Change, FoundServices, ServiceView
from freehold.kit.problems import NotFound, NotImplementedHere
from freehold.operations.model import Operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@model_management_route("GET", "/services", Action.READ, answer=ServicePage)
async def list_services(call: Call) -> Response:
    """Services in pages, newest first; by name, image, model, compute type, tags."""
    return await _list(call, Asked(call))


@model_management_route("POST", "/services/list", Action.READ, answer=ServicePage)
async def query_services(call: Call) -> Response:
    """The same list, with the question in the body."""
    return await _list(call, Asked(call, await read_json(call, dict[str, Any])))


@model_management_route("POST", "/services", Action.WRITE, body=ServiceIn, status=202)
async def create_service(call: Call) -> Response:
    """Register a service: 202 with `Operation-Location`. Its state moves by reports and probes."""
    body = await read_json(call, ServiceIn)

    def make(db: Transaction) -> Operation:
        made = services.create_service(db, call.actor, call.workspace, body.new())
        for key, value in (body.keys or {}).items():
            services.renew_key(db, call.workspace, made.name, key.lower().removesuffix("key"), value)
        return note_registration(db, call, Scope.SERVICE, made.row_id)

    return answer_registration(call, await call.services.database.write(make))


@model_management_route("PUT", "/services", Action.WRITE, body=ServiceIn, status=202)
async def put_service(call: Call) -> Response:
    """Register a service, or change the one of this name to the body; image and models that it does not name stay."""
    body = await read_json(call, ServiceIn)

    def put(db: Transaction) -> Operation:
        new = body.new()
        try:
            services.get_service(db, call.workspace, body.name)
        except NotFound:
            made = services.create_service(db, call.actor, call.workspace, new)
        else:
            runs = (new.image_name, new.model_names or None, new.scoring_uri, new.is_probed)
            change = Change(new.document, *runs, new.tags, new.properties)
            made = services.change_service(db, call.workspace, body.name, change)
        return note_registration(db, call, Scope.SERVICE, made.row_id)

    return answer_registration(call, await call.services.database.write(put))


@model_management_route("POST", "/services/validate", Action.READ)
async def validate(call: Call) -> Response:
    """The SDK asks before it deletes or deploys; nothing here forbids what the verb itself does not."""
    return reply({"isValid": True, "message": None, "errorCode": None, "details": []})


@model_management_route("GET", "/services/{id}", Action.READ, answer=ServiceOut)
async def read_service(call: Call) -> Response:
    """One service, by its name or its id."""

    def read(db: Transaction) -> ServiceView:
        return services.get_service(db, call.workspace, call.params["id"], opens=call.opens_secrets)

    return reply(service_out(await call.services.database.read(read)))


@model_management_route("PATCH", "/services/{id}", Action.WRITE, answer=ServiceOut)
async def change_service(call: Call) -> Response:
    """Change a service by a JSON Patch. Another image sets it moving again."""
    operations = await read_patch(call)

    def change(db: Transaction) -> ServiceView:
        standing = services.get_service(db, call.workspace, call.params["id"])
        shown = msgspec.to_builtins(service_out(standing, expands=False))
        fields = {
            name: shown[name] for name in (*KEPT, "imageId", "scoringUri", "kvTags", "properties") if name in shown
        }
        changed = patched(fields, operations)
        image = changed.pop("imageId")
        new = Change(
            {name: changed[name] for name in KEPT if name in changed and changed[name] != fields[name]},
            image if image != fields["imageId"] else None,
            None,
            changed["scoringUri"] if changed["scoringUri"] != fields["scoringUri"] else None,
            None,
            texts(changed["kvTags"], "kvTags"),
            texts(changed["properties"], "properties"),
        )
        return services.change_service(db, call.workspace, standing.name, new)

    return reply(service_out(await call.services.database.write(change)))


@model_management_route("DELETE", "/services/{id}", Action.DELETE)
async def delete_service(call: Call) -> Response:
    """Delete a service: 200 done, 204 there was none. An image that was made for it alone goes with it."""

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        return [(Scope.SERVICE, services.get_service(db, call.workspace, call.params["id"]).row_id)]

    return await delete_document(call, find)


@model_management_route("POST", "/services/{id}/listkeys", Action.SECRETS, answer=KeysOut)
async def list_keys(call: Call) -> Response:
    """The two keys of a service."""
    found = await call.services.database.read(lambda db: services.keys_of(db, call.workspace, call.params["id"]))
    return reply(KeysOut(primary_key=found.primary, secondary_key=found.secondary))


@model_management_route("POST", "/services/{id}/regenerateKeys", Action.SECRETS, body=RegenerateIn, status=202)
async def regenerate_key(call: Call) -> Response:
    """A new key, or the one that the body gives, in place of one of the two."""
    body = await read_json(call, RegenerateIn)

    def renew(db: Transaction) -> Operation:
        services.renew_key(db, call.workspace, call.params["id"], body.key_type, body.key_value)
        found = services.get_service(db, call.workspace, call.params["id"])
        return note_registration(db, call, Scope.SERVICE, found.row_id)

    return answer_registration(call, await call.services.database.write(renew))


@model_management_route("GET", "/services/{id}/logs", Action.READ, answer=LogsOut)
async def read_logs(call: Call) -> Response:
    """No log: Freehold runs no service, so none is written here."""
    await call.services.database.read(lambda db: services.get_service(db, call.workspace, call.params["id"]))
    return reply(LogsOut(content=""))


@model_management_route("POST", "/services/{id}/token", Action.SECRETS)
async def make_token(call: Call) -> Response:
    """501: a service that runs elsewhere takes its own tokens, and Freehold runs none."""
    await call.services.database.read(lambda db: services.get_service(db, call.workspace, call.params["id"]))
    message = "Freehold runs no service, so it makes no token for one. Use the service's keys: POST …/listkeys."
    raise NotImplementedHere("NotImplemented", message)


async def _list(call: Call, asked: Asked) -> Response:
    paging = asked.paging()

    def find(db: Transaction) -> FoundServices:
        wanted = Wanted(
            asked.text("name"),
            asked.text("computeType"),
            images.rows_named(db, call.workspace, asked.text("imageId"), asked.text("imageName")),
            rows_named(db, call.workspace, asked.text("modelId"), asked.text("modelName")),
            asked.labels(),
        )
        return services.list_services(db, call.workspace, paging, wanted, opens=call.opens_secrets)

    found = await call.services.database.read(find)
    expands = asked.flag("expand")
    value = [service_out(each, expands=expands) for each in found.services]
    return answer_page(call, asked, value, found.next_place)
