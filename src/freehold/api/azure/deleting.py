"""DELETE of a document: hidden before it answers, erased within a minute."""

from collections.abc import Callable

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.replies import empty
from freehold.kit.problems import NotFound
from freehold.lifecycle.deletion import delete
from freehold.operations.model import Operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

KEPT_OUTSIDE = "The reference is deleted. The data that it points to lies outside and was not touched."
Roots = list[tuple[Scope, int]]


async def delete_document(call: Call, find: Callable[[Transaction], Roots], *, missing: int = 204) -> Response:
    """200 when the roots that `find` gives are hidden and on their way out; `missing` when it gives none."""
    operation = await begin_deletion(call, find)
    return empty(200 if operation is not None else missing)


async def begin_deletion(call: Call, find: Callable[[Transaction], Roots]) -> Operation | None:
    """The operation that erases the roots, which are hidden by now; None where `find` gives none or raises NotFound."""

    def remove(db: Transaction) -> Operation | None:
        try:
            roots = find(db)
        except NotFound:
            roots = []
        if not roots:
            return None
        days = call.services.settings.forget_days
        return delete(db, call.services.engine, call.actor, call.workspace, roots, forget_days=days)

    return await call.services.database.write(remove)


async def delete_reference(call: Call, find: Callable[[Transaction], Roots], *, missing: int = 204) -> Response:
    """As `delete_document`, of what only points to data outside; the answer says what was not deleted.

    In a header: these answers have no body in the services that they stand for.
    """
    answer = await delete_document(call, find, missing=missing)
    answer.headers["x-freehold-note"] = KEPT_OUTSIDE
    return answer
