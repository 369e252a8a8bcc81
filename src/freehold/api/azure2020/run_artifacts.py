"""Artifacts below a run. The path stands in the address (azureml-core) or in the query (MLflow's plugin)."""

from starlette.responses import Response

from freehold.api.azure.artifact_answers import (
    Place,
    answer_content,
    answer_list,
    answer_metadata,
    answer_prefix,
    answer_registration,
    answer_uri,
)
from freehold.api.azure.artifact_shapes import PathsIn
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.facade import get_run, run_route
from freehold.api.entry import Call
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.rules import RUN_ORIGIN


@run_route("GET", "/artifacts", Action.READ)
async def list_artifacts(call: Call) -> Response:
    """Artifacts of a run in pages."""
    return await answer_list(call, await _place(call))


@run_route("GET", "/artifacts/path/{path:path}", Action.READ)
@run_route("GET", "/artifacts/path", Action.READ)
async def list_folder(call: Call) -> Response:
    """Artifacts of a run in a folder."""
    return await answer_list(call, await _place(call), folder=_path(call))


@run_route("GET", "/artifacts/metadata/{path:path}", Action.READ)
@run_route("GET", "/artifacts/metadata", Action.READ)
async def read_metadata(call: Call) -> Response:
    """One artifact of a run."""
    return await answer_metadata(call, await _place(call), path=_path(call))


@run_route("GET", "/artifacts/contentinfo/{path:path}", Action.READ)
@run_route("GET", "/artifacts/contentinfo", Action.READ)
async def read_content_information(call: Call) -> Response:
    """Where an artifact's bytes are."""
    return await answer_content(call, await _place(call), path=_path(call))


@run_route("GET", "/artifacts/artifacturi/{path:path}", Action.READ)
@run_route("GET", "/artifacts/artifacturi", Action.READ)
async def read_uri(call: Call) -> Response:
    """The signed address of an artifact's bytes, alone."""
    return await answer_uri(call, await _place(call), path=_path(call))


@run_route("GET", "/artifacts/prefix/contentinfo/{path:path}", Action.READ)
@run_route("GET", "/artifacts/prefix/contentinfo", Action.READ)
async def list_content_information(call: Call) -> Response:
    """Where the bytes are of all artifacts whose path begins so."""
    return await answer_prefix(call, await _place(call), prefix=_path(call))


@run_route("POST", "/artifacts/batch/metadata", Action.WRITE)
async def register(call: Call) -> Response:
    """Register artifacts and say where their bytes are to be put."""
    return await answer_registration(call, await _place(call), await read_json(call, PathsIn))


async def _place(call: Call) -> Place:
    run = await call.services.database.read(lambda db: get_run(db, call))
    return Place(RUN_ORIGIN, run.data_container_id)


def _path(call: Call) -> str:
    return call.params.get("path") or call.query.get("path", "")
