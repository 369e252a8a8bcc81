"""What both ways of asking for artifacts answer: below a run, and by origin and container."""

from typing import Any, NamedTuple

from starlette.responses import Response, StreamingResponse

from freehold.api.azure.artifact_links import content_out, content_uri
from freehold.api.azure.artifact_shapes import PathsIn, artifact_out
from freehold.api.azure.problems import problem_out
from freehold.api.entry import Call
from freehold.api.paging import give_token, page_size, take_token
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.artifacts import service as artifacts
from freehold.domain.artifacts.service import ArtifactName, ArtifactView
from freehold.kit.problems import Conflict, Invalid, NotFound, Problem
from freehold.storage.transaction import Transaction

MOST_AT_ONCE = 1_000


class Place(NamedTuple):
    """Where to look: a container of an origin."""

    origin: str
    container: str

    def name(self, path: str) -> ArtifactName:
        if not path:
            raise Invalid("InvalidArtifactPath", "Name the artifact: its path is missing.", target="path")
        return ArtifactName(self.origin, self.container, path)


async def answer_list(call: Call, place: Place, *, folder: str = "") -> Response:
    """PaginatedArtifactDto: everything in the container, or the artifact or folder of this path."""
    found, token = await _page(call, place, folder)
    path = folder.strip("/")
    inside = [each for each in found if not path or each.name.path == path or each.name.path.startswith(f"{path}/")]
    return reply({"value": [artifact_out(each) for each in inside], "continuationToken": token})


async def answer_prefix(call: Call, place: Place, *, prefix: str) -> Response:
    """PaginatedArtifactContentInformationDto: where the bytes are of all whose path begins with `prefix`."""
    found, token = await _page(call, place, prefix)
    value = [content_out(call, each.name, may=Action.READ) for each in found]
    return reply({"value": value, "continuationToken": token})


async def answer_metadata(call: Call, place: Place, *, path: str) -> Response:
    """ArtifactDto."""
    return reply(artifact_out(await _find(call, place, path)))


async def answer_content(call: Call, place: Place, *, path: str) -> Response:
    """ArtifactContentInformationDto."""
    found = await _find(call, place, path)
    return reply(content_out(call, found.name, may=Action.READ))


async def answer_bytes(call: Call, found: ArtifactView) -> Response:
    """The bytes themselves. Raises NotFound where none were uploaded."""
    if found.object_key is None:
        raise NotFound("ArtifactHasNoContent", "The artifact is registered, but its content was not uploaded yet.")
    headers = {
        "Content-Length": str(found.size),
        "Content-Security-Policy": "sandbox",
        "X-Content-Type-Options": "nosniff",
    }
    pieces = await call.services.objects.get(found.object_key)
    return StreamingResponse(pieces, 200, headers, "application/octet-stream")


async def answer_uri(call: Call, place: Place, *, path: str) -> Response:
    """A JSON string: the signed address of the bytes."""
    found = await _find(call, place, path)
    return reply(content_uri(call, found.name, may=Action.READ))


async def answer_registration(call: Call, place: Place, body: PathsIn) -> Response:
    """BatchArtifactContentInformationDto: artifacts without content, and where to put it.

    The maps are keyed by the paths as they were sent; one that has content already is among the errors.
    """
    if len(body.paths) > MOST_AT_ONCE:
        raise Invalid("TooManyArtifacts", f"At most {MOST_AT_ONCE} artifacts are registered at once.", target="paths")
    found, faults = await call.services.database.write(lambda db: _register(db, call, place, body))
    document: dict[str, Any] = {
        "artifacts": {path: artifact_out(each) for path, each in found.items()},
        "artifactContentInformation": {
            path: content_out(call, each.name, may=Action.WRITE) for path, each in found.items()
        },
        "errors": {path: problem_out(call, problem) for path, problem in faults.items()},
    }
    return reply(document)


def _register(
    db: Transaction, call: Call, place: Place, body: PathsIn
) -> tuple[dict[str, ArtifactView], dict[str, Problem]]:
    found: dict[str, ArtifactView] = {}
    faults: dict[str, Problem] = {}
    for path in dict.fromkeys(each.path for each in body.paths):
        try:
            made = artifacts.register(db, call.actor, call.workspace, place.name(path))
        except Problem as problem:  # raised before anything of this path is written
            faults[path] = problem
            continue
        if made.object_key is not None:
            faults[path] = Conflict("ArtifactAlreadyExists", "An artifact of this name has content already.")
        else:
            found[path] = made
    return found, faults


async def _find(call: Call, place: Place, path: str) -> ArtifactView:
    return await call.services.database.read(lambda db: artifacts.get_artifact(db, call.workspace, place.name(path)))


async def _page(call: Call, place: Place, prefix: str) -> tuple[list[ArtifactView], str | None]:
    given = {key.lower().lstrip("$"): value for key, value in call.query.items()}
    size = page_size(given.get("pagesize") or given.get("top"))
    start = take_token(call, given.get("continuationtoken"), prefix)
    found = await call.services.database.read(
        lambda db: artifacts.list_artifacts(
            db,
            call.workspace,
            *place,
            prefix=prefix.lstrip("/"),
            after=start[0] if start else "",
            limit=size + 1,
        )
    )
    more = len(found) > size
    token = give_token(call, [found[size - 1].name.path] if more else None, prefix)
    return found[:size], token
