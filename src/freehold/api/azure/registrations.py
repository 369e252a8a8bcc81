"""Model management's own kind of long work: 202 with `Operation-Location`, then `operations/{id}`.

A registration is done when it is answered, so its operation has ended well from the first look on; what becomes of the
image or the service itself is told by its own state. Source: azure-cli-ml 0.1.0a27 and azureml-core 1.61.0, which take
the last part of the header and poll.
"""

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.azure.wire import Wire
from freehold.api.entry import Call
from freehold.api.longrunning import look
from freehold.api.replies import empty
from freehold.kit.clock import to_iso
from freehold.lifecycle.selection import Target
from freehold.lifecycle.targets import NamedRoot, name_targets, named_root
from freehold.operations.model import Operation, State
from freehold.operations.service import note_operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

KIND = "register"
_TYPES = {Scope.IMAGE.value: "Image", Scope.SERVICE.value: "Service"}
_STATES = {State.CANCELED: "Cancelled"}


class OperationOut(Wire):
    """`resourceLocation` is null once what it names is erased."""

    id: str
    operation_type: str
    state: str
    created_time: str
    end_time: str | None = None
    error: dict[str, str] | None = None
    resource_location: str | None = None
    operation_log: str | None = None
    operation_details: dict[str, str] | None = None
    parent_request_id: str | None = None


def note_registration(db: Transaction, call: Call, scope: Scope, row_id: int) -> Operation:
    target_id = name_targets(db, [Target(scope, call.workspace.workspace_id, (row_id,))])
    return note_operation(db, kind=KIND, target_id=target_id, scope=scope.value, requested_by=call.actor.person_row)


def answer_registration(call: Call, operation: Operation) -> Response:
    return empty(202, {"Operation-Location": f"{_root(call)}/operations/{operation.operation_id}"})


async def read_registration(call: Call, *, by_id: bool = False) -> OperationOut:
    """The operation that the address names, and where what it made is: by its name, or by its id (2018)."""
    operation = await look(call, call.params["operation"])
    root = await call.services.database.read(lambda db: named_root(db, operation.target_id))
    return OperationOut(
        id=operation.operation_id,
        operation_type=_TYPES.get(operation.scope, operation.kind.capitalize()),
        state=_STATES.get(operation.state, operation.state.value),
        created_time=to_iso(operation.created_at),
        end_time=to_iso(operation.ended_at) if operation.ended_at is not None else None,
        error=_error(operation),
        resource_location=_location(call, root, by_id) if root else None,
    )


def _location(call: Call, root: NamedRoot, by_id: bool) -> str:
    return f"{_root(call)}/{root.scope.value}s/{root.root_id if by_id else root.name}"


def _error(operation: Operation) -> dict[str, str] | None:
    if not operation.error_code:
        return None
    return {"code": operation.error_code, "message": operation.error_message or ""}


def _root(call: Call) -> str:
    """The address that the request came by, up to the workspace."""
    path: str = call.request.scope["path"]
    place = path.rfind("/images") if "/images" in path else path.rfind("/services")
    place = place if place > 0 else path.rfind("/operations")
    return f"{own_base(call)}{path[:place]}"
