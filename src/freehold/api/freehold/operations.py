"""Operations: what long work is doing."""

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import V1, freehold
from freehold.api.freehold.shapes import OperationOut, OperationPage, operation_out
from freehold.api.replies import reply
from freehold.api.routing import Query, SignedIn
from freehold.kit.numbers import whole_number
from freehold.kit.problems import Invalid
from freehold.lifecycle.watch import require_to_steer, see_operation, visible_to
from freehold.operations.model import Operation
from freehold.operations.service import cancel_operation, list_operations, retry_operation
from freehold.storage.transaction import Transaction

PAGE, LARGEST_PAGE = 20, 100
LONGEST_NUMBER = 9


def begun(operation: Operation) -> Response:
    """202: long work has been asked for, and where to follow it."""
    headers = {"Location": f"{V1}/operations/{operation.operation_id}", "Retry-After": "1"}
    return reply(operation_out(operation), 202, headers)


_PAGE: Query = {
    "kind": {"type": "string"},
    "before": {"type": "string"},
    "limit": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
}


@freehold.route("GET", f"{V1}/operations", SignedIn(), answer=OperationPage, query=_PAGE)
async def list_all(call: Call) -> Response:
    """Operations that the caller may see, newest first; `before` continues after the last one of a page."""
    kind, before = call.query.get("kind"), call.query.get("before")
    limit = _limit(call.query.get("limit", str(PAGE)))

    def page(db: Transaction) -> list[Operation]:
        return list_operations(db, kind=kind, before=before, limit=limit, visible=visible_to(call.actor))

    operations = await call.services.database.read(page)
    last = operations[-1].operation_id if len(operations) == limit else None
    return reply(OperationPage([operation_out(operation) for operation in operations], last))


@freehold.route("GET", f"{V1}/operations/{{operation}}", SignedIn(), answer=OperationOut)
async def get_one(call: Call) -> Response:
    """One operation: its state, progress and result."""
    operation_id = call.params["operation"]
    operation = await call.services.database.read(lambda db: see_operation(db, call.actor, operation_id))
    headers = {} if operation.is_ended else {"Retry-After": "1"}
    return reply(operation_out(operation), headers=headers)


@freehold.route("POST", f"{V1}/operations/{{operation}}/cancel", SignedIn(), answer=OperationOut)
async def cancel(call: Call) -> Response:
    """Cancel an operation that may be cancelled; what it made so far is cleaned up."""
    operation_id = call.params["operation"]

    def steer(db: Transaction) -> Operation:
        require_to_steer(db, call.actor, see_operation(db, call.actor, operation_id))
        return cancel_operation(db, operation_id)

    return reply(operation_out(await call.services.database.write(steer)))


@freehold.route("POST", f"{V1}/operations/{{operation}}/retry", SignedIn(), answer=OperationOut)
async def retry(call: Call) -> Response:
    """Go on with a failed erasure, with what is left of it, once what stood in its way is mended."""
    operation_id, engine = call.params["operation"], call.services.engine

    def steer(db: Transaction) -> Operation:
        require_to_steer(db, call.actor, see_operation(db, call.actor, operation_id))
        return retry_operation(db, engine, operation_id)

    return reply(operation_out(await call.services.database.write(steer)))


def _limit(text: str) -> int:
    limit = whole_number(text, most_digits=LONGEST_NUMBER)
    if limit is None or not 1 <= limit <= LARGEST_PAGE:
        raise Invalid("InvalidLimit", f"limit is a number from 1 to {LARGEST_PAGE}.", target="limit")
    return limit
