"""OpenAPI 3.1 documents, made from the routes themselves."""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

import freehold
from freehold.api.errors import (
    arm_envelope,
    freehold_envelope,
    history_envelope,
    mlflow_envelope,
    model_management_envelope,
    pipelines_envelope,
    provider_envelope,
)
from freehold.api.routing import Anonymous, Envelope, Route

REFERENCE = "#/components/schemas/{name}"
PROBLEM = "Problem"
_JSON = "application/json"
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
Parameters = list[dict[str, Any]]
_ANSWERS = {200: "Done", 201: "Made", 202: "Accepted: follow the operation", 204: "Done, nothing to say"}


def describe(title: str, routes: Sequence[Route], more: dict[str, Parameters] | None = None) -> dict[str, Any]:
    """All routes share an envelope for problems. `more`: parameters of an operation beside those of its path."""
    shapes = {shape for route in routes for shape in (route.body, route.answer, *route.also.values()) if shape}
    ordered = sorted(shapes, key=lambda shape: (shape.__name__, shape.__module__))
    schemas, components = msgspec.json.schema_components(ordered, ref_template=REFERENCE)
    names = dict(zip(ordered, schemas, strict=True))
    paths: dict[str, Any] = {}
    for route in routes:
        operation = _operation(route, names, (more or {}).get(operation_id(route), []))
        paths.setdefault(template(route), {})[route.method.lower()] = operation
    problem = _PROBLEMS.get(routes[0].envelope, _ANYTHING) if routes else _ANYTHING
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": freehold.__version__, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": components | {PROBLEM: problem},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
        "security": [{"bearer": []}],
    }


def template(route: Route) -> str:
    """The route's path as OpenAPI writes it: no word on what a part may hold."""
    return re.sub(r":\w+\}", "}", route.path)


def operation_id(route: Route) -> str:
    words = [word for word in re.split(r"[^A-Za-z0-9]+", route.path.removeprefix("/freehold/v1")) if word]
    return "_".join([route.method.lower(), *words])


def _operation(route: Route, names: dict[type, Any], more: Parameters) -> dict[str, Any]:
    media = "application/problem+json" if route.envelope is freehold_envelope else _JSON
    problem = {media: {"schema": {"$ref": REFERENCE.format(name=PROBLEM)}}}
    document: dict[str, Any] = {
        "summary": route.summary,
        "operationId": operation_id(route),
        "parameters": [*_path_parameters(route), *_version_parameter(route), *_query_parameters(route), *more],
        "responses": _answers(route, names) | {"default": {"description": "A problem", "content": problem}},
    }
    if route.body:
        document["requestBody"] = {"required": True, "content": {_JSON: {"schema": names[route.body]}}}
    elif route.method in _WITH_BODY and route.envelope is not freehold_envelope:
        document["requestBody"] = {"required": False, "content": {_JSON: {"schema": _ANYTHING}}}
    if isinstance(route.rule, Anonymous):
        document["security"] = []
    return document


def _answers(route: Route, names: dict[type, Any]) -> dict[str, Any]:
    """A route that declares no shape may end well with any of the good statuses."""
    answers: dict[int, type | None] = {route.status: route.answer, **route.also}
    described = {str(status): _answer(status, answer, names) for status, answer in sorted(answers.items())}
    if route.answer is None and route.envelope is not freehold_envelope:
        described["2XX"] = {"description": "Done"}
    return described


def _answer(status: int, shape: type | None, names: dict[type, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {"description": _ANSWERS[status]}
    if shape:
        described["content"] = {_JSON: {"schema": names[shape]}}
    return described


def _path_parameters(route: Route) -> Parameters:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)", route.path)
    ]


def _version_parameter(route: Route) -> Parameters:
    if not route.versions:
        return []
    schema = {"type": "string", "enum": sorted(route.versions)}
    return [{"name": "api-version", "in": "query", "required": True, "schema": schema}]


def _query_parameters(route: Route) -> Parameters:
    return [
        {
            "name": name,
            "in": "query",
            "required": bool(said.get("required")),
            "schema": {word: value for word, value in said.items() if word != "required"},
        }
        for name, said in (route.query or {}).items()
    ]


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


_ANYTHING: dict[str, Any] = {}
_TEXT: dict[str, Any] = {"type": "string"}
_WRAPPED = _object(error=_object(code=_TEXT, message=_TEXT))
_UNWRAPPED = _object(code=_TEXT, message=_TEXT, details={"type": "array"})
_OURS = _object(type=_TEXT, title=_TEXT, status={"type": "integer"}, code=_TEXT, detail=_TEXT)
_PROBLEMS: dict[Envelope, dict[str, Any]] = {
    arm_envelope: _object(error=_object(code=_TEXT, message=_TEXT, details={"type": "array"})),
    history_envelope: _object(error=_object(code=_TEXT, message=_TEXT, details={"type": "array"}, innerError={})),
    provider_envelope: {"anyOf": [_UNWRAPPED, _WRAPPED]},
    model_management_envelope: {"anyOf": [_UNWRAPPED, _WRAPPED]},
    pipelines_envelope: _object(Error=_object(Code=_TEXT, Message=_TEXT, Details={"type": "array"})),
    mlflow_envelope: _object(error_code=_TEXT, message=_TEXT),
    freehold_envelope: _OURS | {"title": PROBLEM},
}
