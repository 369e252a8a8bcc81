"""Every façade is described, and whatever is sent to it, it answers as described: no fault of the server's own.

Half of the calls go into the default workspace, so that they pass its door; the other half are wholly made up.
"""

import os
from typing import Any

import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks
from schemathesis.specs.openapi.definitions import OPENAPI_31

from freehold.api.openapi import template
from freehold.api.routing import Facade
from freehold.app import facades
from tests.patience import patient
from tests.world import World

EXHAUSTIVE = bool(os.environ.get("FREEHOLD_TEST_EXHAUSTIVE"))
DESCRIBED = [facade for facade in facades() if facade.name not in {"blobs", "health", "identity", "freehold"}]
"""Blobs speak XML, health and identity forms; `test_openapi.py` asks ours."""
CHECKS = [checks.content_type_conformance, checks.response_schema_conformance]
REFUSALS = {501, 507}
"""What of the 5xx is an answer: it cannot be done here; there is no room."""
seeded = settings(
    max_examples=60 if EXHAUSTIVE else 4,
    derandomize=not EXHAUSTIVE,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("facade", DESCRIBED, ids=lambda facade: facade.name)
def test_a_description_is_openapi_3_1_and_names_every_route(shared_world: World, facade: Facade) -> None:
    document = shared_world.get(f"/openapi/{facade.name}.json").raise_for_status().json()
    faults = jsonschema_rs.validator_for(OPENAPI_31).iter_errors(document)
    assert [f"{fault.instance_path}: {fault.message}" for fault in faults] == []
    described = {f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item}
    assert described == {f"{route.method} {template(route)}" for route in facade.routes}


def test_there_is_no_description_of_what_is_not_there(shared_world: World) -> None:
    assert shared_world.get("/openapi/nothing.json").status_code == 404


@pytest.mark.parametrize("facade", DESCRIBED, ids=lambda facade: facade.name)
def test_answers_are_as_described(shared_world: World, facade: Facade) -> None:
    description = schemathesis.openapi.from_url(f"{shared_world.url}/openapi/{facade.name}.json")
    for route in facade.routes:
        operation = description[template(route)][route.method]
        cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
        cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
        ask(shared_world, cases)


def ask(world: World, cases: Any) -> None:
    @seeded
    @given(cases, st.booleans())
    def send(case: schemathesis.Case[Any], goes_in: bool) -> None:
        if goes_in:
            enter(world, case)
        answer = case.call(headers=world.alice.headers, timeout=patient(30))
        assert answer.status_code < 500 or answer.status_code in REFUSALS, f"{case.method} {case.path}: {answer.text}"
        case.validate_response(answer, checks=CHECKS)

    send()


def enter(world: World, case: schemathesis.Case[Any]) -> None:
    """Into the default workspace, but never so that it would be erased or held."""
    parts = world.workspace.split("/")
    known = {"subscription": parts[2], "group": parts[4], "workspace": parts[8]}
    takes_it = case.method == "DELETE" and case.path.endswith("/workspaces/{workspace}")
    for name in known.keys() & (case.path_parameters or {}).keys():
        if not takes_it:
            case.path_parameters[name] = known[name]
