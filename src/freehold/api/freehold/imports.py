"""Imports: bring a bag in, whole or not at all."""

from pathlib import Path
from typing import Any

import msgspec
from starlette.responses import Response

from freehold.api.entry import Call, workspace_name
from freehold.api.freehold.facade import V1, container_route, freehold
from freehold.api.freehold.flags import FLAG, flag
from freehold.api.freehold.once import once
from freehold.api.freehold.operations import begun
from freehold.api.freehold.shapes import ImportReportOut, OperationOut
from freehold.api.replies import empty, reply
from freehold.api.routing import CONTAINER, SignedIn
from freehold.domain.access.actor import Action
from freehold.domain.workspaces import service as workspaces
from freehold.kit.problems import Conflict, NotFound
from freehold.lifecycle import kept
from freehold.lifecycle.imports.making import make_home
from freehold.lifecycle.imports.operation import kept_import, request_import
from freehold.lifecycle.imports.receiving import received
from freehold.lifecycle.imports.spool import ImportSpool
from freehold.operations.model import Operation
from freehold.storage.transaction import Transaction


@container_route(
    "POST",
    "/imports",
    Action.MANAGE,
    answer=OperationOut,
    status=202,
    query={"new_ids": FLAG, "dry_run": FLAG},
)
async def start(call: Call) -> Response:
    """Import the bag that is the body, whole or not at all. `new_ids=true`: under new ids; `dry_run=true`: only look.

    The body is a `.tar`, or a `.zip` as an export gives it. A bag of a tree goes into a container of its root's kind.
    """
    new_ids, dry_run = flag(call, "new_ids"), flag(call, "dry_run")
    services = call.services
    async with received(services.settings, services.ids.new_id(), call.request.headers, call.stream()) as sent:

        def make(db: Transaction) -> Operation:
            folder = services.settings.data_folder
            return request_import(
                db, services.engine, call.actor, call.workspace, sent.path, folder, new_ids=new_ids, dry_run=dry_run
            )

        operation = await once(call, f"{sent.digest} {new_ids} {dry_run}".encode(), make)
    return begun(operation)


@freehold.route(
    "POST", f"{V1}{CONTAINER}/imports/new", SignedIn(), answer=OperationOut, status=202, query={"new_ids": FLAG}
)
async def start_in_new(call: Call) -> Response:
    """Make the container at this path, as a PUT of it would, and import the bag that is the body into it, in one.

    An unused one that stands there already serves as well. A bag of a tree brings what stands below. Where the import
    fails, the container goes again with its report (`DELETE /freehold/v1/imports/{operation}/report`).
    """
    name, new_ids, services = workspace_name(call.params), flag(call, "new_ids"), call.services
    assert name is not None, "the address names one"
    await services.database.read(lambda db: workspaces.check_making(db, call.actor, name))
    async with received(services.settings, services.ids.new_id(), call.request.headers, call.stream()) as sent:

        def make(db: Transaction) -> Operation:
            home, made = make_home(db, call.actor, name)
            folder = services.settings.data_folder
            return request_import(db, services.engine, call.actor, home, sent.path, folder, new_ids=new_ids, made=made)

        operation = await once(call, f"{sent.digest} {new_ids}".encode(), make)
    return begun(operation)


@freehold.route("GET", f"{V1}/imports/{{operation}}/report", SignedIn(), answer=ImportReportOut)
async def report(call: Call) -> Response:
    """What an import found: counts, ids that are taken or were erased; or why the bag was refused."""
    return reply(_read((await _spool(call)).report))


@freehold.route("GET", f"{V1}/imports/{{operation}}/mapping", SignedIn())
async def mapping(call: Call) -> Response:
    """Old id → new id of an import with new ids."""
    return reply(_read((await _spool(call)).mapping))


@freehold.route("DELETE", f"{V1}/imports/{{operation}}/report", SignedIn(), status=204)
async def drop(call: Call) -> Response:
    """Remove what is left of an import that has ended: its report and its mapping. 409 while it is under way."""
    operation = await _find(call)
    if not operation.is_ended:
        message = "The import is under way. Wait until it ends, or cancel it: POST /freehold/v1/operations/{id}/cancel."
        raise Conflict("ImportNotEnded", message)
    await kept.drop_bag(call.services.database, call.services.settings, operation.operation_id)
    return empty(204)


async def _spool(call: Call) -> ImportSpool:
    return ImportSpool(call.services.settings.data_folder, (await _find(call)).operation_id)


async def _find(call: Call) -> Operation:
    operation_id = call.params["operation"]
    return await call.services.database.read(lambda db: kept_import(db, call.actor, operation_id))


def _read(path: Path) -> Any:
    try:
        return msgspec.json.decode(path.read_bytes())
    except FileNotFoundError:
        raise NotFound("ImportNotFound", "The import has not come so far, or has nothing of this kind.") from None
