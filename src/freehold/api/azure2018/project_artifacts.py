"""Artifacts of a project: below a run (calls 68, 69 and 73), and by origin and container (calls 71 and 72).

A container is named by the run's id, or by its container's (`dcid.…`), which a later generation wrote.
"""

from starlette.responses import Response

from freehold.api.azure.artifact_answers import (
    Place,
    answer_content,
    answer_list,
    answer_metadata,
    answer_registration,
    answer_uri,
)
from freehold.api.azure.artifact_shapes import PathsIn, artifact_out
from freehold.api.azure.reading import read_json
from freehold.api.azure2018.facade import ARTIFACT, HISTORY, projects
from freehold.api.azure2018.project_runs import get_run
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.api.routing import Within
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.rules import RUN_ORIGIN
from freehold.domain.artifacts.transfer import upload

_RUN = f"{HISTORY}/runs/{{run}}"
_ARTIFACTS = f"{ARTIFACT}/artifacts"
_NAMED = "{origin}/{container}/{path:path}"


@projects.route("GET", f"{_RUN}/artifacts", Within(Action.READ))
async def list_of_run(call: Call) -> Response:
    """Artifacts of a run in pages."""
    return await answer_list(call, await _of_run(call))


@projects.route("GET", f"{_RUN}/artifacturi", Within(Action.READ))
async def read_uri(call: Call) -> Response:
    """The signed address of an artifact's bytes, alone; `name` is its path."""
    return await answer_uri(call, await _of_run(call), path=call.query.get("name", ""))


@projects.route("GET", f"{_ARTIFACTS}/origins/{{origin}}/containers/{{container}}", Within(Action.READ))
async def list_container(call: Call) -> Response:
    """Artifacts of a container in pages."""
    return await answer_list(call, _place(call), folder=call.query.get("path", ""))


@projects.route("GET", f"{_ARTIFACTS}/contentinfo/{_NAMED}", Within(Action.READ))
async def read_content_information(call: Call) -> Response:
    """Where an artifact's bytes are."""
    return await answer_content(call, _place(call), path=call.params["path"])


@projects.route("GET", f"{_ARTIFACTS}/metadata/{_NAMED}", Within(Action.READ))
async def read_metadata(call: Call) -> Response:
    """One artifact."""
    return await answer_metadata(call, _place(call), path=call.params["path"])


@projects.route("POST", f"{_ARTIFACTS}/batch/metadata/{{origin}}/{{container}}", Within(Action.WRITE))
async def register(call: Call) -> Response:
    """Register artifacts and say where their bytes are to be put."""
    return await answer_registration(call, _place(call), await read_json(call, PathsIn))


@projects.route("POST", f"{_ARTIFACTS}/content/{_NAMED}", Within(Action.WRITE))
async def write_content(call: Call) -> Response:
    """Give an artifact its content."""
    name, services = _place(call).name(call.params["path"]), call.services
    made = await upload(
        services.database,
        services.objects,
        call.actor,
        call.workspace,
        name,
        call.stream(),
        must_be_empty=True,
    )
    return reply(artifact_out(made))


async def _of_run(call: Call) -> Place:
    run = await call.services.database.read(lambda db: get_run(db, call))
    return Place(RUN_ORIGIN, run.data_container_id)


def _place(call: Call) -> Place:
    return Place(call.params["origin"], call.params["container"])
