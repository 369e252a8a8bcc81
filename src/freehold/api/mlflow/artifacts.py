"""Artifacts of runs: MLflow's listing, and the proxied store that `mlflow-artifacts:` addresses mean."""

from typing import NamedTuple
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse

from freehold.api.entry import Call
from freehold.api.mlflow import shapes
from freehold.api.mlflow.door import EMPTY, named, open_token, route, run_id_of, seal_token
from freehold.api.mlflow.printing import artifact_uri
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.artifacts import folders, service
from freehold.domain.artifacts.folders import Entry, Listing
from freehold.domain.artifacts.rules import RUN_ORIGIN
from freehold.domain.artifacts.service import ArtifactName
from freehold.domain.artifacts.transfer import upload
from freehold.domain.runs.service import get_run
from freehold.kit.problems import NotFound
from freehold.storage.transaction import Transaction

PAGE = 1_000
OCTETS = "application/octet-stream"
_STORE = "/mlflow-artifacts/artifacts"


class StorePath(NamedTuple):
    """`<experiment id>/<run id>/artifacts/<path>`; `path` is empty for the run's root."""

    run_id: str
    path: str

    @property
    def name(self) -> ArtifactName:
        return ArtifactName(RUN_ORIGIN, self.run_id, self.path)


@route("GET", "/mlflow/artifacts/list", Action.READ)
async def list_artifacts(call: Call) -> Response:
    """Files and folders in one folder of a run, in pages."""
    query = call.query
    run_id, folder = run_id_of(query), query.get("path", "").strip("/")
    asked = (run_id, folder)
    place = open_token(call, query.get("page_token"), asked)

    def read(db: Transaction) -> tuple[str, Listing]:
        run = get_run(db, call.workspace, run_id)
        listing = folders.list_folder(db, call.workspace, RUN_ORIGIN, run_id, folder, after=place or "", limit=PAGE)
        return artifact_uri(call, run.experiment_id, run_id), listing

    root, listing = await call.services.database.read(read)
    files = [_file_out(entry, f"{folder}/" if folder else "") for entry in listing.entries]
    return reply(shapes.FilesAnswer(root, files, seal_token(call, listing.next_place, asked)))


@route("GET", _STORE, Action.READ)
async def list_store(call: Call) -> Response:
    """Files and folders in one folder of the store, by their names."""
    place = _parse(call.query.get("path", ""))
    listing = await call.services.database.read(
        lambda db: folders.list_folder(db, call.workspace, RUN_ORIGIN, place.run_id, place.path)
    )
    return reply(shapes.FilesAnswer(files=[_file_out(entry, "") for entry in listing.entries]))


@route("PUT", f"{_STORE}/{{path:path}}", Action.WRITE)
async def put_file(call: Call) -> Response:
    """Store one file, streamed."""
    services, place = call.services, _parse(call.params["path"])
    content_type = call.request.headers.get("content-type")
    await upload(
        services.database,
        services.objects,
        call.actor,
        call.workspace,
        place.name,
        call.stream(),
        content_type=content_type,
    )
    return empty()


@route("GET", f"{_STORE}/{{path:path}}", Action.READ)
async def get_file(call: Call) -> Response:
    """Read one file, streamed."""
    place = _parse(call.params["path"])
    artifact = await call.services.database.read(lambda db: service.get_artifact(db, call.workspace, place.name))
    if artifact.object_key is None:
        raise NotFound("ArtifactNotFound", "This artifact has no content yet.")
    headers = {
        "content-length": str(artifact.size),
        "content-disposition": f"attachment; filename*=UTF-8''{quote(place.path.rpartition('/')[2], safe='')}",
        "x-content-type-options": "nosniff",
        "etag": f'"{artifact.etag}"',
    }
    media_type = artifact.content_type or OCTETS
    if call.request.method == "HEAD":
        return Response(headers=headers, media_type=media_type)
    return StreamingResponse(await call.services.objects.get(artifact.object_key), 200, headers, media_type)


@route("DELETE", f"{_STORE}/{{path:path}}", Action.DELETE)
async def delete_files(call: Call) -> Response:
    """Remove one file, or a folder with all that lies below it."""
    place = _parse(call.params["path"])
    while await call.services.database.write(
        lambda db: folders.delete_below(db, call.workspace, place.name, limit=PAGE)
    ):
        pass
    return EMPTY


def _parse(path: str) -> StorePath:
    """Raises NotFound for a path that names no run's artifacts: this store holds nothing else."""
    parts = named(path.strip("/"), "path").split("/", 3)
    if len(parts) < 3 or parts[2] != "artifacts":
        message = "The store holds artifacts of runs: <experiment id>/<run id>/artifacts/<path>."
        raise NotFound("ArtifactNotFound", message)
    return StorePath(parts[1], parts[3] if len(parts) > 3 else "")


def _file_out(entry: Entry, prefix: str) -> shapes.FileOut:
    size = entry.artifact.size if entry.artifact else None
    return shapes.FileOut(f"{prefix}{entry.name}", entry.artifact is None, size)
