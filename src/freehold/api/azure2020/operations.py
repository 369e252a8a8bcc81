"""Where ARM clients poll long work: the status document, and `Location`, which answers 202 until it is done."""

from typing import Any

from starlette.responses import Response

from freehold.api.azure.polling import COMPUTES, LOCATION, RETRY, WORKSPACES
from freehold.api.azure.versions import CLUSTERS, PROVIDER
from freehold.api.azure2020.facade import arm_route
from freehold.api.entry import Call
from freehold.api.longrunning import look
from freehold.api.replies import empty, reply
from freehold.api.routing import SignedIn
from freehold.kit.clock import to_iso
from freehold.kit.problems import Problem
from freehold.operations.model import Operation, State


@arm_route("GET", f"{LOCATION}/{COMPUTES}OperationsStatus/{{operation}}", SignedIn(), PROVIDER | CLUSTERS)
@arm_route("GET", f"{LOCATION}/{WORKSPACES}OperationsStatus/{{operation}}", SignedIn(), PROVIDER | CLUSTERS)
async def get_status(call: Call) -> Response:
    """The status of an operation; always 200. Source: the resource provider contract's async operations."""
    operation = await look(call, call.params["operation"])
    return reply(_status(call, operation), headers={} if operation.is_ended else RETRY)


@arm_route("GET", f"{LOCATION}/{COMPUTES}OperationResults/{{operation}}", SignedIn(), PROVIDER | CLUSTERS)
@arm_route("GET", f"{LOCATION}/{WORKSPACES}OperationResults/{{operation}}", SignedIn(), PROVIDER | CLUSTERS)
async def get_result(call: Call) -> Response:
    """202 while it runs, 204 when it is done, the error when it failed."""
    operation = await look(call, call.params["operation"])
    if not operation.is_ended:
        return empty(202, {"Location": str(call.request.url)} | RETRY)
    if operation.state is not State.SUCCEEDED:
        raise Problem(operation.error_code or str(operation.state), operation.error_message or "It did not end well.")
    return empty(204)


def _status(call: Call, operation: Operation) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": call.request.scope["path"],
        "name": operation.operation_id,
        "status": "InProgress" if not operation.is_ended else operation.state.value,
        "startTime": to_iso(operation.created_at),
        "percentComplete": 100.0 if operation.state is State.SUCCEEDED else operation.progress.percent or 0.0,
    }
    if operation.ended_at is not None:
        document["endTime"] = to_iso(operation.ended_at)
    if operation.error_code:
        document["error"] = {"code": operation.error_code, "message": operation.error_message or ""}
    return document
