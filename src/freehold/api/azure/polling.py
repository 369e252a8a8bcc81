"""Long work as ARM's clients follow it: 202 with two addresses to poll, which `azure2020/operations.py` answers."""

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.azure.versions import api_version
from freehold.api.entry import Call
from freehold.api.longrunning import RETRY_SECONDS
from freehold.api.replies import empty
from freehold.operations.model import Operation

LOCATION = "/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/locations/{location}"
WORKSPACES, COMPUTES = "workspace", "compute"
"""Whose operation it is: the addresses say so, and all lead to the same operations."""
RETRY = {"Retry-After": RETRY_SECONDS}


def accepted(call: Call, operation: Operation, of: str = WORKSPACES) -> Response:
    """202 with both of ARM's ways to poll, and how long to wait."""
    location = {"Location": _address(call, operation, f"{of}OperationResults")}
    return empty(202, status_header(call, operation, of) | location | RETRY)


def status_header(call: Call, operation: Operation, of: str) -> dict[str, str]:
    """Where an operation's status is, for answers that clients wait behind. Source: azureml-core 1.61.0, which fails
    without it."""
    return {"Azure-AsyncOperation": _address(call, operation, f"{of}OperationsStatus")}


def _address(call: Call, operation: Operation, collection: str) -> str:
    subscription = call.params["subscription"].lower()
    root = f"{own_base(call)}{LOCATION.format(subscription=subscription, location='local')}"
    return f"{root}/{collection}/{operation.operation_id}?api-version={api_version(call)}"
