"""Erasures: the plan first, then for good."""

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import container_route
from freehold.api.freehold.once import once
from freehold.api.freehold.operations import begun
from freehold.api.freehold.roots import decode_root
from freehold.api.freehold.shapes import ErasureIn, OperationOut, PlanOut
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.lifecycle.erase import request_erasure
from freehold.lifecycle.plan import plan_erasure
from freehold.operations.model import Operation
from freehold.storage.transaction import Transaction

_DRY_RUN: dict[int, type] = {200: PlanOut}


@container_route("POST", "/erasures", Action.ERASE, body=ErasureIn, answer=OperationOut, status=202, also=_DRY_RUN)
async def start(call: Call) -> Response:
    """Erase a container or anything in it; with `dry_run` only say what would go, what stays and why."""
    raw = await call.raw_body()
    wanted = decode_root(raw, ErasureIn)
    if wanted.dry_run:
        plan = await call.services.database.read(lambda db: plan_erasure(db, call.workspace, wanted.scope, wanted.id))
        return reply(plan.as_document())

    def make(db: Transaction) -> Operation:
        return request_erasure(
            db,
            call.services.engine,
            call.actor,
            call.workspace,
            wanted.scope,
            wanted.id,
            plan_digest=wanted.plan_digest,
            forget_days=call.services.settings.forget_days,
        )

    operation = await once(call, raw, make, of=call.workspace.public_id)
    return begun(operation)
