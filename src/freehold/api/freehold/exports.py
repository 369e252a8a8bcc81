"""Exports: take a container or anything in it out, whole."""

import asyncio
from functools import partial
from typing import Any

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import V1, container_route, freehold
from freehold.api.freehold.flags import FLAG, flag
from freehold.api.freehold.once import once
from freehold.api.freehold.operations import begun
from freehold.api.freehold.roots import SCOPES, decode_root
from freehold.api.freehold.shapes import LONGEST_ROOT, ExportIn, ExportPlanOut, OperationOut
from freehold.api.replies import empty, reply
from freehold.api.routing import Query, SignedIn
from freehold.api.streams import TAR, ZIP, stream_bag
from freehold.domain.access.actor import Action
from freehold.kit.problems import Invalid
from freehold.lifecycle import kept
from freehold.lifecycle.export import Since, request_export
from freehold.lifecycle.export_plan import plan_export, refuse_changed
from freehold.lifecycle.imports.receiving import received
from freehold.operations.model import Operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_DRY_RUN: dict[int, type] = {200: ExportPlanOut}
_SINCE: Query = {
    "scope": {"type": "string", "enum": [each.value for each in Scope], "required": True},
    "id": {"type": "string", "maxLength": LONGEST_ROOT},
    "alone": FLAG,
    "dry_run": FLAG,
}


@container_route("POST", "/exports", Action.EXPORT, body=ExportIn, answer=OperationOut, status=202, also=_DRY_RUN)
async def start(call: Call) -> Response:
    """Begin an export; the operation tells when its bag can be fetched. With `dry_run` only say what would leave."""
    raw = await call.raw_body()
    wanted = decode_root(raw, ExportIn)
    if wanted.dry_run and wanted.since is None:
        return reply(await call.services.database.read(lambda db: _plan(db, call, wanted)))

    def make(db: Transaction) -> Operation:
        since = None
        if wanted.since is not None:
            kept.ready_bag(db, call.services.settings, call.actor, wanted.since)
            since = Since(wanted.since, dry_run=wanted.dry_run)
        asked, alone, plan = (wanted.scope, wanted.id), wanted.alone, wanted.plan_digest
        if plan is not None:
            refuse_changed(db, call.workspace, *asked, alone=alone, expected=plan)
        begin = partial(request_export, alone=alone, since=since, plan=plan)
        return begin(db, call.services.engine, call.actor, call.workspace, *asked)

    return begun(await once(call, raw, make, of=call.workspace.public_id))


@container_route("POST", "/increments", Action.EXPORT, answer=OperationOut, status=202, query=_SINCE)
async def start_increment(call: Call) -> Response:
    """Begin an export of what changed since a bag that the caller has: the body is its index, which holds digests only.

    `scope`, `id`, `alone`: as of an export. `dry_run=true`: only count. `freehold export --since BAG` makes the index.
    """
    asked, alone, dry_run = (_scope(call), call.query.get("id")), flag(call, "alone"), flag(call, "dry_run")
    services = call.services
    async with received(services.settings, services.ids.new_id(), call.request.headers, call.stream()) as sent:

        def make(db: Transaction) -> Operation:
            since = Since(sent=sent.path, dry_run=dry_run)
            begin = partial(request_export, since=since, data_folder=services.settings.data_folder)
            return begin(db, services.engine, call.actor, call.workspace, *asked, alone=alone)

        said = f"{sent.digest} {asked} {alone} {dry_run}".encode()
        return begun(await once(call, said, make, of=call.workspace.public_id))


def _plan(db: Transaction, call: Call, wanted: ExportIn) -> dict[str, Any]:
    return plan_export(db, call.actor, call.workspace, wanted.scope, wanted.id, alone=wanted.alone)


def _scope(call: Call) -> Scope:
    root_id = call.query.get("id", "")
    if len(root_id) > LONGEST_ROOT:
        raise Invalid("InvalidId", f"An id or a name has at most {LONGEST_ROOT} characters.", target="id")
    try:
        return Scope(call.query.get("scope", ""))
    except ValueError:
        raise Invalid("InvalidScope", f"There is no such scope: {SCOPES}", target="scope") from None


@freehold.route(
    "GET", f"{V1}/exports/{{operation}}/bag", SignedIn(), query={"format": {"type": "string", "enum": [TAR, ZIP]}}
)
async def fetch(call: Call) -> Response:
    """The finished bag as one tar stream, or with `format=zip` as one zip; with `Range` from any byte on."""
    operation_id = call.params["operation"]
    bag = await call.services.database.read(
        lambda db: kept.ready_bag(db, call.services.settings, call.actor, operation_id)
    )
    return await asyncio.to_thread(stream_bag, call.request, bag, call.query.get("format", TAR))


@freehold.route("DELETE", f"{V1}/exports/{{operation}}/bag", SignedIn(), status=204)
async def drop(call: Call) -> Response:
    """Remove the bag from this server: it is a copy of what it covers, and need not stay after it was fetched."""
    operation_id = call.params["operation"]
    database, settings = call.services.database, call.services.settings
    await database.read(lambda db: kept.ready_bag(db, settings, call.actor, operation_id))
    await kept.drop_bag(database, settings, operation_id)
    return empty(204)
