"""Steps of a pipeline run, their states and logs: a step is the child run whose tag `azureml.nodeid` names the node."""

from starlette.responses import Response

from freehold.api.azure.artifact_answers import answer_bytes
from freehold.api.azure2020.pipeline_routes import RUNS, pipeline_route
from freehold.api.azure2020.pipeline_run_shapes import step_code, step_out
from freehold.api.entry import Call, decode
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.service import ArtifactName, ArtifactView, find_artifact
from freehold.domain.pipelines import runs
from freehold.domain.runs.views import RunView
from freehold.kit.problems import Invalid
from freehold.storage.transaction import Transaction

NODE = "/{id}/Graph/Node"
ALL_NODES = "/{id}/Graph/AllNodes"
LOGS = "/{id}/Graph/Shareable"
LOG_FOLDER = "logs/azureml/"
ORIGIN = "ExperimentRun"


@pipeline_route("POST", f"{ALL_NODES}/Status", Action.READ, body=list[str], below=RUNS)
async def read_statuses(call: Call) -> Response:
    """Node id → TaskStatus, of every node."""
    return reply({node: step_out(run) for node, run in (await _all(call)).items()})


@pipeline_route("POST", f"{ALL_NODES}/StatusCode", Action.READ, body=list[str], below=RUNS)
async def read_status_codes(call: Call) -> Response:
    """Node id → state, of every node."""
    return reply({node: step_code(run) for node, run in (await _all(call)).items()})


@pipeline_route("POST", f"{NODE}/Status", Action.READ, body=list[str], below=RUNS)
async def read_status(call: Call) -> Response:
    """TaskStatus of the node that the body names: `["<node id>"]`."""
    return reply(step_out(await _one(call)))


@pipeline_route("POST", f"{NODE}/StatusCode", Action.READ, body=list[str], below=RUNS)
async def read_status_code(call: Call) -> Response:
    """The state of the node that the body names."""
    return reply(step_code(await _one(call)))


@pipeline_route("POST", f"{LOGS}/STDOUT", Action.READ, body=list[str], below=RUNS)
async def read_output_log(call: Call) -> Response:
    """What the step of a node wrote to its standard output, as uploaded: text, not JSON."""
    return await _log(call, "stdoutlogs.txt")


@pipeline_route("POST", f"{LOGS}/STDERR", Action.READ, body=list[str], below=RUNS)
async def read_error_log(call: Call) -> Response:
    """What the step of a node wrote to its standard error."""
    return await _log(call, "stderrlogs.txt")


@pipeline_route("POST", f"{LOGS}/JobLog", Action.READ, body=list[str], below=RUNS)
async def read_job_log(call: Call) -> Response:
    """What whoever executed the step of a node wrote about it."""
    return await _log(call, "executionlogs.txt")


async def _log(call: Call, name: str) -> Response:
    """An artifact of the step's run; empty as long as there is none."""
    path = await read_path(call)

    def find(db: Transaction) -> ArtifactView | None:
        step = runs.step_of(db, call.workspace, call.params["id"], path)
        if step is None:
            return None
        return find_artifact(db, call.workspace, ArtifactName(ORIGIN, step.data_container_id, LOG_FOLDER + name))

    found = await call.services.database.read(find)
    if found is None or found.object_key is None:
        return Response(b"", media_type="application/octet-stream")
    return await answer_bytes(call, found)


async def _all(call: Call) -> dict[str, RunView | None]:
    if await read_path(call):
        raise Invalid("InvalidNodePath", "Graphs have no graphs within: the body is an empty list.")
    return await call.services.database.read(lambda db: runs.steps_of(db, call.workspace, call.params["id"]))


async def _one(call: Call) -> RunView | None:
    path = await read_path(call)
    return await call.services.database.read(lambda db: runs.step_of(db, call.workspace, call.params["id"], path))


async def read_path(call: Call) -> list[str]:
    """Ids of nodes, from the outside in; without a body, none."""
    raw = await call.raw_body()
    return decode(raw, list[str]) if raw else []
