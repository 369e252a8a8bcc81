"""The address of a blob, who may touch it, and how its errors are printed (XML, with the code in a header)."""

from typing import NamedTuple
from xml.sax.saxutils import escape

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.errors import as_problem
from freehold.api.routing import Facade
from freehold.api.signed_urls import check_url
from freehold.domain.access.actor import Action, Actor, WorkspaceRef
from freehold.domain.artifacts.service import ArtifactName, ArtifactView
from freehold.domain.workspaces.service import enter_by_id
from freehold.kit.clock import to_datetime

BLOB = "/blobs/{workspace_id}/{origin}/{container}/{path:path}"
VERSION = "2021-08-06"
"""What is answered when a client names no x-ms-version; else the client's own is echoed."""


class Opened(NamedTuple):
    actor: Actor
    workspace: WorkspaceRef
    name: ArtifactName


def blob_envelope(call: Call | None, fault: Exception) -> Response:
    """<Error><Code/><Message/></Error>; clients read the code from x-ms-error-code. A HEAD has headers only."""
    problem = as_problem(call, fault)
    body = f"<?xml version='1.0' encoding='utf-8'?><Error><Code>{escape(problem.code)}</Code>"
    body += f"<Message>{escape(problem.message)}</Message></Error>"
    headers = {"x-ms-error-code": problem.code} | (wire_headers(call) if call else {})
    return Response(body.encode("utf-8", "replace"), problem.status, headers, "application/xml")


blobs = Facade("blobs", blob_envelope)


async def open_blob(call: Call, may: Action) -> Opened:
    """Raises Forbidden for a URL that is not signed for this, NotFound when its holder or workspace is gone."""
    params, services = call.params, call.services
    name = ArtifactName(params["origin"], params["container"], params["path"])
    signer = check_url(call.query, services.keys, services.clock, params["workspace_id"], name, may=may)
    actor, workspace = await services.database.read(
        lambda db: enter_by_id(db, signer.tenant_id, signer.object_id, params["workspace_id"], may)
    )
    return Opened(actor, workspace, name)


def wire_headers(call: Call) -> dict[str, str]:
    """What every answer carries. A client's request id is echoed as Azure does, if it is a plain one."""
    headers = {
        "x-ms-request-id": call.request_id,
        "x-ms-version": _plain(call.request.headers.get("x-ms-version", "")) or VERSION,
    }
    client_id = _plain(call.request.headers.get("x-ms-client-request-id", ""))
    return headers | ({"x-ms-client-request-id": client_id} if client_id else {})


def blob_headers(artifact: ArtifactView) -> dict[str, str]:
    return {
        "ETag": f'"{artifact.etag}"',
        "Last-Modified": f"{to_datetime(artifact.updated_at):%a, %d %b %Y %H:%M:%S} GMT",
    }


def _plain(text: str) -> str:
    return text if len(text) <= 100 and text.isascii() and text.isprintable() else ""
