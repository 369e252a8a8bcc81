"""Where ARM clients poll long work: the status document, and `Location`, which answers 202 until it is done."""

from typing import Any

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.azure.versions import api_version
from freehold.api.azure2020.facade import arm_route
from freehold.api.entry import Call
from freehold.api.longrunning import RETRY_SECONDS, look
from freehold.api.replies import empty, reply
from freehold.api.routing import SignedIn
from freehold.kit.clock import to_iso
from freehold.kit.problems import Problem
from freehold.operations.model import Operation, State

_LOCATION = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
WORKSPACES, COMPUTES = "workspace", "compute"
"""Whose operation it is: the addresses say so, and all lead to the same operations."""
_RETRY = {"Retry-After": RETRY_SECONDS}


def accepted(call: Call, operation: Operation, of: str = WORKSPACES) -> Response:
    """202 with both of ARM's ways to poll, and how long to wait."""
    location = {"Location": _address(call, operation, f"{of}OperationResults")}
    return empty(202, status_header(call, operation, of) | location | _RETRY)


def status_header(call: Call, operation: Operation, of: str) -> dict[str, str]:
    """Where an operation's status is, for answers that clients wait behind. Source: azureml-core 1.61.0, which fails
    without it."""
    return {"Azure-AsyncOperation": _address(call, operation, f"{of}OperationsStatus")}


def _address(call: Call, operation: Operation, collection: str) -> str:
    subscription = call.params["subscription"].lower()
    root = f"{own_base(call)}{_LOCATION.format(subscription=subscription, location='local')}"
    return f"{root}/{collection}/{operation.operation_id}?api-version={api_version(call)}"


@arm_route("GET", f"{_LOCATION}/{COMPUTES}OperationsStatus/{{operation}}", SignedIn())
@arm_route("GET", f"{_LOCATION}/{WORKSPACES}OperationsStatus/{{operation}}", SignedIn())
async def get_status(call: Call) -> Response:
    """The status of an operation; always 200. Source: the resource provider contract's async operations."""
    operation = await look(call, call.params["operation"])
    return reply(_status(call, operation), headers={} if operation.is_ended else _RETRY)


@arm_route("GET", f"{_LOCATION}/{COMPUTES}OperationResults/{{operation}}", SignedIn())
@arm_route("GET", f"{_LOCATION}/{WORKSPACES}OperationResults/{{operation}}", SignedIn())
async def get_result(call: Call) -> Response:
    """202 while it runs, 204 when it is done, the error when it failed."""
    operation = await look(call, call.params["operation"])
    if not operation.is_ended:
        return empty(202, {"Location": str(call.request.url)} | _RETRY)
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
