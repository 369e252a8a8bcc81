"""The identity façade: its envelope is OAuth's (RFC 6749 section 5.2), with the members that MSAL logs."""

from typing import TYPE_CHECKING, Any

import msgspec
from starlette.responses import Response

from freehold.api.errors import JSON, as_problem
from freehold.api.routing import Facade
from freehold.kit.clock import to_datetime
from freehold.kit.problems import TooManyRequests, Unavailable

if TYPE_CHECKING:
    from freehold.api.entry import Call

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_OAUTH_CODES = frozenset(
    {
        "invalid_client",
        "invalid_grant",
        "invalid_instance",
        "invalid_request",
        "invalid_resource",
        "invalid_scope",
        "invalid_tenant",
        "unsupported_grant_type",
    }
)
_OTHER_CODES = {429: "temporarily_unavailable", 500: "server_error", 503: "temporarily_unavailable"}


def oauth_envelope(call: "Call | None", fault: Exception) -> Response:
    problem = as_problem(call, fault)
    code = problem.code if problem.code in _OAUTH_CODES else _OTHER_CODES.get(problem.status, "invalid_request")
    body: dict[str, Any] = {"error": code, "error_description": problem.message, "error_codes": []}
    headers = dict(NO_STORE)
    if call:
        body["timestamp"] = f"{to_datetime(call.services.clock.now()):%Y-%m-%d %H:%M:%SZ}"
        body["trace_id"] = body["correlation_id"] = call.request_id
        headers["x-ms-request-id"] = call.request_id
    if problem.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="freehold"'
    if isinstance(problem, TooManyRequests | Unavailable):
        headers["Retry-After"] = "2"
    return Response(msgspec.json.encode(body), problem.status, headers, JSON)


identity = Facade("identity", oauth_envelope)
