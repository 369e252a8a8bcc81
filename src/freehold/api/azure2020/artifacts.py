"""Artifacts by origin and container. Two generations of addresses: the verb in front (azureml-core), the path in the
query (MLflow's plugin); and the published pages' `origins/…/containers/…`.
"""

from collections.abc import Callable

from starlette.responses import Response

from freehold.api.azure.artifact_answers import (
    Place,
    answer_bytes,
    answer_content,
    answer_list,
    answer_metadata,
    answer_prefix,
    answer_registration,
)
from freehold.api.azure.artifact_links import content_out
from freehold.api.azure.artifact_shapes import DATASTORE, ArtifactIn, PathsIn, artifact_out
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.facade import ARTIFACTS, artifact
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.api.routing import Endpoint, Within
from freehold.domain.access.actor import Action
from freehold.domain.artifacts import service as artifacts
from freehold.domain.artifacts.blocks import append_content
from freehold.domain.artifacts.transfer import upload
from freehold.kit.problems import Conflict, NotImplementedHere
from freehold.storage.transaction import Transaction

_PLACE = "{origin}/{container}"
_DELETED_AT_ONCE = 1_000


def _route(method: str, tail: str, action: Action) -> Callable[[Endpoint], Endpoint]:
    def declare(endpoint: Endpoint) -> Endpoint:
        for root in ARTIFACTS:
            artifact.route(method, f"{root}/{tail}", Within(action))(endpoint)
        return endpoint

    return declare


def _by_path(method: str, verb: str, action: Action) -> Callable[[Endpoint], Endpoint]:
    """`verb/{origin}/{container}/{path}` and `{origin}/{container}/verb?path=`."""

    def declare(endpoint: Endpoint) -> Endpoint:
        _route(method, f"{verb}/{_PLACE}/{{path:path}}", action)(endpoint)
        _route(method, f"{_PLACE}/{verb}", action)(endpoint)
        return endpoint

    return declare


@_route("POST", "register", Action.WRITE)
@_route("POST", "metadata", Action.WRITE)
async def register_one(call: Call) -> Response:
    """Register one artifact without content."""
    body = await read_json(call, ArtifactIn)
    if body.data_path is not None and body.data_path.data_store_name not in {None, DATASTORE}:
        raise NotImplementedHere("OutsideDatastore", "Artifacts here hold their bytes themselves. Upload them.")
    name = Place(body.origin, body.container).name(body.path)
    made = await call.services.database.write(lambda db: artifacts.register(db, call.actor, call.workspace, name))
    return reply(artifact_out(made))


@_route("POST", f"batch/metadata/{_PLACE}", Action.WRITE)
@_route("POST", f"{_PLACE}/batch/metadata", Action.WRITE)
async def register_many(call: Call) -> Response:
    """Register artifacts and say where their bytes are to be put."""
    return await answer_registration(call, _place(call), await read_json(call, PathsIn))


@_by_path("GET", "metadata", Action.READ)
async def read_metadata(call: Call) -> Response:
    """One artifact."""
    return await answer_metadata(call, _place(call), path=_path(call))


@_by_path("DELETE", "metadata", Action.DELETE)
async def delete_one(call: Call) -> Response:
    """Remove an artifact; its bytes go with it, whatever `hardDelete` says: nothing is only marked here."""
    name = _place(call).name(_path(call))
    await call.services.database.write(lambda db: artifacts.delete_artifact(db, call.workspace, name))
    return empty()


@_route("POST", f"{_PLACE}/batch/metadata:delete", Action.DELETE)
async def delete_named(call: Call) -> Response:
    """Remove the artifacts that the body names, all or none."""
    place, body = _place(call), await read_json(call, PathsIn)

    def remove(db: Transaction) -> None:
        for each in body.paths:
            artifacts.delete_artifact(db, call.workspace, place.name(each.path))

    await call.services.database.write(remove)
    return empty()


@_route("DELETE", f"batch/{_PLACE}", Action.DELETE)
@_route("DELETE", f"{_PLACE}/batch", Action.DELETE)
async def delete_all(call: Call) -> Response:
    """Remove every artifact of a container, in steps of one transaction each."""
    place = _place(call)

    def remove_some(db: Transaction) -> bool:
        found = artifacts.list_artifacts(db, call.workspace, *place, limit=_DELETED_AT_ONCE)
        for each in found:
            artifacts.delete_artifact(db, call.workspace, each.name)
        return len(found) == _DELETED_AT_ONCE

    while await call.services.database.write(remove_some):
        pass
    return empty()


@_by_path("GET", "contentinfo", Action.READ)
async def read_content_information(call: Call) -> Response:
    """Where an artifact's bytes are."""
    return await answer_content(call, _place(call), path=_path(call))


@_by_path("GET", "prefix/contentinfo", Action.READ)
async def list_content_information(call: Call) -> Response:
    """Where the bytes are of all artifacts whose path begins so."""
    return await answer_prefix(call, _place(call), prefix=_path(call))


_route("GET", f"prefix/contentinfo/{_PLACE}", Action.READ)(list_content_information)


@_by_path("GET", "write", Action.WRITE)
async def read_write_address(call: Call) -> Response:
    """Register an artifact and say where its bytes are to be put."""
    name = _place(call).name(_path(call))
    made = await call.services.database.write(lambda db: artifacts.register(db, call.actor, call.workspace, name))
    return reply(content_out(call, made.name, may=Action.WRITE))


@_by_path("GET", "content", Action.READ)
async def read_content(call: Call) -> Response:
    """An artifact's bytes themselves."""
    name = _place(call).name(_path(call))
    found = await call.services.database.read(lambda db: artifacts.get_artifact(db, call.workspace, name))
    return await answer_bytes(call, found)


@_by_path("POST", "content", Action.WRITE)
async def write_content(call: Call) -> Response:
    """Give an artifact its content; `append=true` puts the body behind what it holds."""
    name, services = _place(call).name(_path(call)), call.services
    reach = (services.database, services.objects, call.actor, call.workspace, name, call.stream())
    if call.query.get("append", "").lower() == "true":
        return reply(artifact_out(await append_content(*reach)))
    may_overwrite = call.query.get("allowOverwrite", "").lower() == "true"
    try:
        return reply(artifact_out(await upload(*reach, must_be_empty=not may_overwrite)))
    except Conflict as conflict:
        if conflict.code != "BlobAlreadyExists":
            raise
        raise Conflict("ArtifactAlreadyExists", "An artifact of this name has content already.") from None


@_route("GET", "origins/{origin}/containers/{container}", Action.READ)
@_route("GET", _PLACE, Action.READ)
async def list_container(call: Call) -> Response:
    """Artifacts of a container in pages."""
    return await answer_list(call, _place(call), folder=call.query.get("path", ""))


@_route("GET", f"{_PLACE}/{{path:path}}", Action.READ)
async def list_folder(call: Call) -> Response:
    """Artifacts of a container in a folder."""
    return await answer_list(call, _place(call), folder=call.params["path"])


def _place(call: Call) -> Place:
    return Place(call.params["origin"], call.params["container"])


def _path(call: Call) -> str:
    return call.params.get("path") or call.query.get("path", "")
