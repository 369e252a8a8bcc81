"""One Problem, an envelope for each family of clients. What is no Problem is logged by kind and told as a 500."""

import logging
from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from freehold.kit.clock import to_iso
from freehold.kit.logs import place_of
from freehold.kit.problems import (
    Conflict,
    InsufficientStorage,
    Problem,
    RangeNotSatisfiable,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from freehold.lifecycle.erase import StillNeeded
from freehold.storage.denied import denied, denied_by
from freehold.storage.portable import is_denied, is_disk_full, is_integrity_fault

if TYPE_CHECKING:
    from freehold.api.entry import Call

log = logging.getLogger("freehold.api")
JSON = "application/json; charset=utf-8"
VERSION_CODES = frozenset({"UnsupportedApiVersion", "ApiVersionUnspecified"})
MLFLOW_CODES = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_ALREADY_EXISTS",
    413: "INVALID_PARAMETER_VALUE",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
}


def as_problem(call: "Call | None", fault: Exception) -> Problem:
    """Faults that the domain did not foresee become Problems; their text is not told, for it may hold content."""
    if isinstance(fault, Problem):
        return fault
    if is_disk_full(fault):
        return InsufficientStorage("InsufficientStorage", "The disk is full: nothing was written. Free some space.")
    if is_denied(fault):
        return denied_by(fault, call.services.settings) if call else denied()
    if is_integrity_fault(fault):
        return Conflict("Conflict", "Another request changed the same thing at the same moment. Try again.")
    route = call.route.path if call else "(none)"
    request_id = call.request_id if call else "-"
    log.error("unforeseen fault", extra={"route": route, "request_id": request_id, "fault": place_of(fault)})
    return Problem("InternalError", f"Something went wrong here. Its trace is in the log under {request_id}.")


def respond(
    body: dict[str, Any],
    problem: Problem,
    call: "Call | None",
    media_type: str = JSON,
    *,
    status: int | None = None,
) -> Response:
    headers = {"x-ms-request-id": call.request_id} if call else {}
    if isinstance(problem, Unauthenticated):
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{_quotable(problem.message)}"'
    if isinstance(problem, RangeNotSatisfiable):
        headers["Content-Range"] = f"bytes */{problem.size}"
    if isinstance(problem, TooManyRequests | Unavailable):
        headers["Retry-After"] = "2"
    return Response(msgspec.json.encode(body), status or problem.status, headers, media_type)


def arm_envelope(call: "Call | None", fault: Exception) -> Response:
    """ARM and its providers: {error: {code, message, details}}."""
    problem = as_problem(call, fault)
    detail = {"code": problem.code, "message": problem.message}
    error: dict[str, Any] = {**detail, "details": []}
    if problem.target:
        error["target"] = problem.target
    return respond({"error": error}, problem, call)


def history_envelope(call: "Call | None", fault: Exception) -> Response:
    """Run history, artifacts, metrics, datastores. `details` must be a list (azureml-core 1.61 raises TypeError)."""
    problem = as_problem(call, fault)
    kind = "UserError" if problem.status < 500 else "ServiceError"
    body = {
        "error": {
            "code": kind,
            "message": problem.message,
            "target": problem.target,
            "details": [],
            "innerError": {"code": problem.code, "innerError": None},
        },
        "correlation": {
            "operation": call.request_id if call else None,
            "request": call.request_id if call else None,
        },
        "environment": "freehold",
        "location": call.workspace.location if call and call._workspace else "local",
        "time": to_iso(call.services.clock.now()) if call else None,
        "componentName": "freehold",
    }
    return respond(body, problem, call)


def provider_envelope(call: "Call | None", fault: Exception) -> Response:
    """The resource providers of 2017 (experimentation, model management): not wrapped, but for what ARM says itself."""
    problem = as_problem(call, fault)
    if problem.status in (401, 403) or problem.code in _SAID_BY_ARM:
        return arm_envelope(call, fault)
    return respond({"code": problem.code, "message": problem.message, "details": []}, problem, call)


_SAID_BY_ARM = frozenset(
    {
        "CannotDeleteResource",
        "InvalidApiVersionParameter",
        "MissingApiVersionParameter",
        "ParentResourceNotFound",
        "ResourceGroupNotFound",
        "ResourceNotFound",
        "SubscriptionNotFound",
    }
)
"""ARM stands in front of the providers: it knows who asks, what is there, and what stands below."""


def model_management_envelope(call: "Call | None", fault: Exception) -> Response:
    """Model management's data plane: not wrapped. What is still needed is a 412 `DeletionRequired` that names by what.

    A wrong api-version comes wrapped, as a user of that time saw it.
    """
    problem = as_problem(call, fault)
    if problem.code in VERSION_CODES:
        body: dict[str, Any] = {"error": {"code": problem.code, "message": problem.message, "innerError": None}}
        return respond(body, problem, call)
    status, code, details = problem.status, problem.code, [{"code": problem.code, "message": problem.message}]
    if isinstance(problem, StillNeeded):
        status, code = 412, "DeletionRequired"
        details = [{"code": code, "message": f"Delete {name} first."} for name in problem.needed_by]
    request = {"RequestId": call.request_id} if call else {}
    body = {
        "code": code,
        "statusCode": status,
        "message": problem.message,
        "details": details,
        "correlation": request,
    }
    return respond(body, problem, call, status=status)


def pipelines_envelope(call: "Call | None", fault: Exception) -> Response:
    """The pipeline service: the run history's envelope in PascalCase."""
    problem = as_problem(call, fault)
    error: dict[str, Any] = {
        "Code": "UserError" if problem.status < 500 else "ServiceError",
        "Message": problem.message,
        "Target": problem.target,
        "Details": [],
        "InnerError": {"Code": problem.code, "InnerError": None},
        "DebugInfo": None,
    }
    request_id = call.request_id if call else None
    return respond({"Error": error, "Correlation": {"operation": request_id, "request": request_id}}, problem, call)


def mlflow_envelope(call: "Call | None", fault: Exception) -> Response:
    """MLflow: {error_code, message} with its own names of codes."""
    problem = as_problem(call, fault)
    code = MLFLOW_CODES.get(problem.status, "INTERNAL_ERROR")
    if problem.code == "EndpointNotFound":
        code = "ENDPOINT_NOT_FOUND"
    if problem.status == 409 and not problem.code.endswith("Exists"):
        code = "INVALID_PARAMETER_VALUE" if problem.code != "RunDeleted" else "INVALID_STATE"
    return respond({"error_code": code, "message": problem.message}, problem, call)


def freehold_envelope(call: "Call | None", fault: Exception) -> Response:
    """Freehold's own: RFC 9457 problem details with a stable code."""
    problem = as_problem(call, fault)
    body = {
        "type": f"urn:freehold:problem:{problem.code}",
        "title": problem.code,
        "status": problem.status,
        "code": problem.code,
        "detail": problem.message,
    }
    if call:
        body["instance"] = f"urn:uuid:{call.request_id}"
    return respond(body, problem, call, "application/problem+json")


def _quotable(text: str) -> str:
    return "".join(c for c in text if c.isascii() and c.isprintable() and c not in '"\\')
