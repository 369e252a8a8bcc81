"""GET and HEAD of a blob, whole or one range."""

from starlette.responses import Response, StreamingResponse

from freehold.api.blobs.facade import BLOB, blob_headers, blobs, open_blob, wire_headers
from freehold.api.entry import Call
from freehold.api.ranges import asked_span
from freehold.api.routing import SignedUrl
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.service import ArtifactView, get_artifact
from freehold.kit.problems import NotFound, PreconditionFailed

_ANY_TYPE = "application/octet-stream"


@blobs.route("GET", BLOB, SignedUrl())
async def read_blob(call: Call) -> Response:
    """The blob's bytes: 200 for all, 206 for a range, 416 for a range beyond its end."""
    opened = await open_blob(call, Action.READ)
    artifact = await call.services.database.read(lambda db: get_artifact(db, opened.workspace, opened.name))
    if artifact.object_key is None:
        raise NotFound("BlobNotFound", "The artifact is registered, but its content was not uploaded yet.")
    if _is_unchanged(call, artifact):
        return Response(status_code=304, headers=wire_headers(call) | blob_headers(artifact))
    span = asked_span(call.request.headers, artifact.size, f'"{artifact.etag}"')
    start, end = span or (0, artifact.size)
    headers = _headers(call, artifact) | {"Content-Length": str(end - start)}
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{artifact.size}"
    status = 206 if span else 200
    if call.request.method == "HEAD" or start == end:
        return Response(b"", status, headers)
    pieces = await call.services.objects.get(artifact.object_key, start, end)
    return StreamingResponse(pieces, status, headers)


def _is_unchanged(call: Call, artifact: ArtifactView) -> bool:
    """Raises PreconditionFailed when If-Match names another version."""
    headers = call.request.headers
    wanted = headers.get("if-match", "*")
    if wanted.strip('"') not in {"*", artifact.etag}:
        raise PreconditionFailed("ConditionNotMet", "The blob is another version than the one that If-Match names.")
    return headers.get("if-none-match", "").strip('"') == artifact.etag


def _headers(call: Call, artifact: ArtifactView) -> dict[str, str]:
    """What was uploaded is never run as part of this site: a page among the artifacts opens in a sandbox."""
    return (
        wire_headers(call)
        | blob_headers(artifact)
        | {
            "Accept-Ranges": "bytes",
            "Content-Type": artifact.content_type or _ANY_TYPE,  # as a media type it would gain a charset
            "x-ms-blob-type": "BlockBlob",
            "x-ms-server-encrypted": "false",
            "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
            "X-Content-Type-Options": "nosniff",
        }
    )
