"""Purges: what is set aside is erased at once, the plan first."""

from typing import Annotated

import msgspec
from msgspec import Meta
from starlette.responses import Response

from freehold.api.entry import Call, decode
from freehold.api.freehold.facade import container_route
from freehold.api.freehold.once import once
from freehold.api.freehold.operations import begun
from freehold.api.freehold.shapes import OperationOut, PlanOut
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.kit.clock import from_iso, to_iso
from freehold.kit.problems import Invalid
from freehold.lifecycle.purge import plan_purge, request_purge
from freehold.operations.model import Operation
from freehold.storage.transaction import Transaction


class PurgeIn(msgspec.Struct, forbid_unknown_fields=True):
    """`before`: only what was set aside until then, as ISO 8601. `dry_run`: answer with the plan and erase nothing.
    `plan_digest`: refuse if the plan is another by now."""

    before: Annotated[str, Meta(max_length=40)] | None = None
    dry_run: bool = False
    plan_digest: Annotated[str, Meta(max_length=128)] | None = None


class PurgePlanOut(msgspec.Struct):
    """A dry run. `total` can be purged, at most 200 at a time, of which `plan` tells; `held` is under legal holds."""

    before: str
    total: int
    held: int
    plan: PlanOut


_DRY_RUN: dict[int, type] = {200: PurgePlanOut}


@container_route("POST", "/purges", Action.ERASE, body=PurgeIn, answer=OperationOut, status=202, also=_DRY_RUN)
async def start(call: Call) -> Response:
    """Erase what MLflow's delete has set aside, at most 200 things at a time; with `dry_run` only say what would go."""
    raw = await call.raw_body()
    wanted = decode(raw, PurgeIn)
    before = _moment(wanted.before)
    if wanted.dry_run:
        found = await call.services.database.read(lambda db: plan_purge(db, call.workspace, before))
        plan = found.plan.as_document()
        return reply({"before": to_iso(found.before), "total": found.total, "held": found.held, "plan": plan})

    def make(db: Transaction) -> Operation:
        return request_purge(
            db,
            call.services.engine,
            call.actor,
            call.workspace,
            before=before,
            plan_digest=wanted.plan_digest,
            forget_days=call.services.settings.forget_days,
        )

    operation = await once(call, raw, make, of=call.workspace.public_id)
    return begun(operation)


def _moment(text: str | None) -> int | None:
    try:
        return None if text is None else from_iso(text)
    except (ValueError, OverflowError):
        message = "`before` is a time as ISO 8601, such as 2026-01-31T00:00:00Z."
        raise Invalid("InvalidTime", message, target="before") from None
