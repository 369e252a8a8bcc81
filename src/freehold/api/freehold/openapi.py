"""The descriptions: `/openapi.json` of what is Freehold's own, `/openapi/{facade}.json` of every way of speaking."""

from typing import Any

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import V1
from freehold.api.freehold.facade import freehold as facade
from freehold.api.freehold.once import LONGEST_KEY
from freehold.api.openapi import describe, operation_id
from freehold.api.replies import reply
from freehold.api.routing import Anonymous
from freehold.kit.problems import NotFound

_NO_DATA = Anonymous(because="it describes the addresses and holds no data")
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body within 24 hours is answered by the first request's operation.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}


@facade.route("GET", "/openapi.json", _NO_DATA)
async def openapi(call: Call) -> Response:
    """The description of what is Freehold's own."""
    return reply(_own())


@facade.route("GET", "/openapi/{facade}.json", _NO_DATA)
async def openapi_of_facade(call: Call) -> Response:
    """The description of one way of speaking: arm, history, modelmanagement, pipelines, mlflow …."""
    named = {each.name: each for each in call.services.facades}
    found = named.get(call.params["facade"])
    if found is None:
        raise NotFound("FacadeNotFound", f"There is no such facade. There are: {', '.join(sorted(named))}.")
    return reply(describe(f"Freehold: {found.name}", found.routes))


def _own() -> dict[str, Any]:
    routes = [route for route in facade.routes if route.path.startswith(V1)]
    once = {operation_id(route): [_IDEMPOTENCY_KEY] for route in routes if route.body and route.status == 202}
    return describe("Freehold", routes, once)
