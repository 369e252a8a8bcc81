"""DELETE of a document: hidden before it answers, erased within a minute."""

from collections.abc import Callable

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.replies import empty
from freehold.lifecycle.deletion import delete
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

KEPT_OUTSIDE = "The reference is deleted. The data that it points to lies outside and was not touched."
Roots = list[tuple[Scope, int]]


async def delete_document(call: Call, find: Callable[[Transaction], Roots], *, missing: int = 204) -> Response:
    """200 when the roots that `find` gives are hidden and on their way out; `missing` when it gives none."""

    def remove(db: Transaction) -> bool:
        roots = find(db)
        if not roots:
            return False
        days = call.services.settings.forget_days
        delete(db, call.services.engine, call.actor, call.workspace, roots, forget_days=days)
        return True

    was_there = await call.services.database.write(remove)
    return empty(200 if was_there else missing)


async def delete_reference(call: Call, find: Callable[[Transaction], Roots], *, missing: int = 204) -> Response:
    """As `delete_document`, of what only points to data outside; the answer says what was not deleted.

    In a header: these answers have no body in the services that they stand for.
    """
    answer = await delete_document(call, find, missing=missing)
    answer.headers["x-freehold-note"] = KEPT_OUTSIDE
    return answer
