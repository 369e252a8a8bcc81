"""The OpenAPI 3.1 document, made from the routes themselves."""

import re
from functools import cache
from typing import Any

import msgspec
from starlette.responses import Response

import freehold
from freehold.api.entry import Call
from freehold.api.freehold.facade import V1
from freehold.api.freehold.facade import freehold as facade
from freehold.api.freehold.once import LONGEST_KEY
from freehold.api.replies import reply
from freehold.api.routing import Anonymous, Route
from freehold.kit.problems import Problem

REFERENCE = "#/components/schemas/{name}"


@facade.route("GET", "/openapi.json", Anonymous(because="it describes the addresses and holds no data"))
async def openapi(call: Call) -> Response:
    """This document."""
    return reply(_document())


def template(route: Route) -> str:
    """The route's path as OpenAPI writes it: no word on what a part may hold."""
    return re.sub(r":\w+\}", "}", route.path)


@cache
def _document() -> dict[str, Any]:
    routes = [route for route in facade.routes if route.path.startswith(V1)]
    shapes = {shape for route in routes for shape in (route.body, route.answer, *route.also.values()) if shape}
    ordered = sorted(shapes, key=lambda shape: shape.__name__)
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    names = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(template(route), {})[route.method.lower()] = _operation(route, names)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Freehold", "version": freehold.__version__, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components | {"Problem": _PROBLEM},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"bearer": []}],
    }


def _operation(route: Route, names: dict[type, Any]) -> dict[str, Any]:
    answers: dict[int, type | None] = {route.status: route.answer, **route.also}
    problem = {"application/problem+json": {"schema": {"$ref": REFERENCE.format(name="Problem")}}}
    document: dict[str, Any] = {
        "summary": route.summary,
        "operationId": _operation_id(route),
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
            for name in re.findall(r"\{(\w+)", route.path)
        ]
        + ([_IDEMPOTENCY_KEY] if route.body and route.status == 202 else []),
        "responses": {str(status): _answer(status, answer, names) for status, answer in sorted(answers.items())}
        | {"default": {"description": "A problem", "content": problem}},
    }
    if route.body:
        document["requestBody"] = {"required": True, "content": {"application/json": {"schema": names[route.body]}}}
    if isinstance(route.rule, Anonymous):
        document["security"] = []
    return document


def _answer(status: int, shape: type | None, names: dict[type, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _ANSWERS[status]}
    if shape:
        described["content"] = {"application/json": {"schema": names[shape]}}
    return described


def _operation_id(route: Route) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9]+", route.path.removeprefix(V1)) if word]
    return "_".join([route.method.lower(), *words])


_ANSWERS = {200: "Done", 201: "Made", 202: "Accepted: follow the operation", 204: "Done, nothing to say"}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same body within 24 hours is answered by the first request's operation.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY},
}
_PROBLEM: dict[str, Any] = {
    "title": Problem.__name__,
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
    "required": ["type", "title", "status", "code", "detail"],
}
