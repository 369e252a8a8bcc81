"""Who comes in: nobody without a token, nobody from another workspace, on any address of the façade."""

import pytest

from freehold.api.mlflow import mlflow
from freehold.api.routing import Route
from tests.world import World

ROUTES = [pytest.param(route, id=f"{route.method} {route.path}") for route in mlflow.routes]


@pytest.mark.parametrize("route", ROUTES)
def test_anonymous_is_refused(shared_world: World, route: Route) -> None:
    response = shared_world.request(route.method, _address(shared_world, route))
    assert response.status_code == 401
    assert response.json()["error_code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize("route", ROUTES)
def test_stranger_finds_nothing(shared_world: World, route: Route) -> None:
    response = shared_world.request(route.method, _address(shared_world, route), shared_world.charlie, json={})
    assert response.status_code == 404
    assert response.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


def test_unknown_address_has_mlflows_envelope(shared_world: World) -> None:
    for path in ("/api/2.0/mlflow/logged-models", "/api/2.0/mlflow/nothing", "/ajax-api/2.0/mlflow/nothing"):
        response = shared_world.post(path, {}, shared_world.alice)
        assert response.status_code == 404
        assert response.json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_charlie_works_in_his_own_workspace(shared_world: World) -> None:
    base = f"/mlflow/v2.0{shared_world.elsewhere}/api/2.0/mlflow"
    made = shared_world.post(f"{base}/experiments/create", {"name": "his own"}, shared_world.charlie)
    assert made.status_code == 200
    query = {"experiment_id": made.json()["experiment_id"]}
    assert shared_world.get(f"{base}/experiments/get", shared_world.charlie, params=query).status_code == 200
    assert shared_world.get(f"{base}/experiments/get", shared_world.bob, params=query).status_code == 404
    here = shared_world.get("/api/2.0/mlflow/experiments/get", shared_world.alice, params=query)
    assert here.status_code == 404


def _address(world: World, route: Route) -> str:
    parts = world.workspace.split("/")
    names = {"subscription": parts[2], "group": parts[4], "workspace": parts[8]}
    return route.path.replace("{path:path}", "e/r/artifacts/a").format(**names)
