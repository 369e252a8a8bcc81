"""Legal holds: what they cover cannot be erased until they are lifted."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import container_route
from freehold.api.freehold.roots import decode_root
from freehold.api.freehold.shapes import RootId
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.kit.clock import to_iso
from freehold.lifecycle import holds
from freehold.lifecycle.holds import LONGEST_REASON, HoldView
from freehold.records.rules import Scope


class HoldIn(msgspec.Struct, forbid_unknown_fields=True):
    """`id` is left out for the whole container, which holds what stands below it, too."""

    scope: Scope
    reason: Annotated[str, Meta(min_length=1, max_length=LONGEST_REASON)]
    id: RootId | None = None


class HoldOut(msgspec.Struct):
    """`root_id` null: the whole container. In force while `lifted_at` is null."""

    id: str
    scope: Scope
    root_id: str | None
    reason: str
    created_at: str
    lifted_at: str | None


class HoldPage(msgspec.Struct):
    value: list[HoldOut]


@container_route("GET", "/holds", Action.READ, answer=HoldPage)
async def list_all(call: Call) -> Response:
    """The legal holds of a container, newest first, lifted ones too."""
    found = await call.services.database.read(lambda db: holds.list_all(db, call.actor, call.workspace))
    return reply(HoldPage([_out(each) for each in found]))


@container_route("POST", "/holds", Action.MANAGE, body=HoldIn, answer=HoldOut, status=201)
async def place(call: Call) -> Response:
    """Place a hold: nothing that it covers can be erased by any verb while it is in force."""
    wanted = decode_root(await call.raw_body(), HoldIn)
    made = await call.services.database.write(
        lambda db: holds.place(db, call.actor, call.workspace, wanted.scope, wanted.id, wanted.reason)
    )
    return reply(_out(made), 201)


@container_route("DELETE", "/holds/{hold}", Action.MANAGE, answer=HoldOut)
async def lift(call: Call) -> Response:
    """Lift a hold. It stays in the list, with the time."""
    lifted = await call.services.database.write(
        lambda db: holds.lift(db, call.actor, call.workspace, call.params["hold"])
    )
    return reply(_out(lifted))


def _out(found: HoldView) -> HoldOut:
    lifted_at = to_iso(found.lifted_at) if found.lifted_at is not None else None
    return HoldOut(found.hold_id, found.scope, found.root_id, found.reason, to_iso(found.created_at), lifted_at)
