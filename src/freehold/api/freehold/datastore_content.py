"""What lies in a datastore: list, read, write and delete its files. They are outside: no export or erasure has them."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import msgspec
from starlette.responses import Response, StreamingResponse

from freehold.api.entry import Call
from freehold.api.freehold.facade import V1, freehold
from freehold.api.paging import DEFAULT_SIZE, give_token, page_size, take_token
from freehold.api.ranges import asked_span
from freehold.api.replies import empty, reply
from freehold.api.routing import WORKSPACE, Endpoint, Query, Within
from freehold.domain.access.actor import Action
from freehold.domain.audit.service import record
from freehold.domain.datastores import service as datastores
from freehold.kit.clock import to_iso
from freehold.lifecycle.selection import Target
from freehold.lifecycle.targets import name_targets
from freehold.records.rules import Scope
from freehold.storage.outside.opening import open_outside
from freehold.storage.outside.paths import check_path
from freehold.storage.outside.places import Found, OutsideStore
from freehold.storage.transaction import Transaction

CONTENT = "/datastores/{datastore}/content"
FILE = f"{CONTENT}/{{path:path}}"


_PAGE: Query = {
    "path": {"type": "string"},
    "limit": {"type": "integer", "minimum": 1, "default": DEFAULT_SIZE},
    "after": {"type": "string"},
}


class FileOut(msgspec.Struct):
    path: str
    size: int
    modified_at: str
    etag: str | None


class FilePage(msgspec.Struct):
    """`next`: give it as `after` for the page behind this one; null on the last."""

    value: list[FileOut]
    next: str | None


class WrittenOut(msgspec.Struct):
    path: str
    size: int
    sha256: str


def content_route(
    method: str, tail: str, action: Action, *, answer: type | None = None, status: int = 200, query: Query | None = None
) -> Callable[[Endpoint], Endpoint]:
    """Below the default workspace and below any other."""

    def declare(endpoint: Endpoint) -> Endpoint:
        for root in (V1, f"{V1}{WORKSPACE}"):
            freehold.route(method, root + tail, Within(action), answer=answer, status=status, query=query)(endpoint)
        return endpoint

    return declare


@content_route("GET", CONTENT, Action.READ, answer=FilePage, query=_PAGE)
async def list_files(call: Call) -> Response:
    """Files of a datastore below the folder `path`, in pages of `limit`, in order of their paths."""
    folder = call.query.get("path", "").rstrip("/")
    if folder:
        check_path(folder)
    size = page_size(call.query.get("limit"))
    after = take_token(call, call.query.get("after"), folder)
    store = await _open(call)
    found = await store.files(folder, after[0] if after else "", size + 1)
    place = [found[size - 1].path] if len(found) > size else None
    return reply(FilePage([_file_out(each) for each in found[:size]], give_token(call, place, folder)))


@content_route("GET", FILE, Action.READ)
async def read_file(call: Call) -> Response:
    """The bytes of a file of a datastore: 200 for all, 206 for a range, 416 for a range beyond its end."""
    path = _path(call)
    store = await _open(call)
    found = await store.find(path)
    headers = _headers(found)
    span = asked_span(call.request.headers, found.size, headers.get("ETag"))
    start, end = span or (0, found.size)
    headers["Content-Length"] = str(end - start)
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{found.size}"
    status = 206 if span else 200
    if call.request.method == "HEAD" or start == end:
        return Response(b"", status, headers)
    return StreamingResponse(await store.read(path, start, end), status, headers)


@content_route("PUT", FILE, Action.WRITE, answer=WrittenOut)
async def write_file(call: Call) -> Response:
    """Write a file of a datastore, in place of what stands at its path. The body is the bytes."""
    path = _path(call)
    store = await _open(call, noted="datastore content written")
    kept = await store.write(path, call.stream())
    return reply(WrittenOut(path, kept.size, kept.sha256))


@content_route("DELETE", FILE, Action.DELETE, status=204)
async def delete_file(call: Call) -> Response:
    """Delete a file of a datastore, for good: what versions or copies its store keeps is the store's own matter."""
    path = _path(call)
    store = await _open(call, noted="datastore content deleted")
    await store.remove(path)
    return empty(204)


async def _open(call: Call, noted: str | None = None) -> OutsideStore:
    """`noted`: what the audit log keeps of it, under a random id and without the path."""
    name = call.params["datastore"]

    def note(db: Transaction) -> None:
        row = datastores.get_datastore(db, call.workspace, name).row_id
        workspace_id = call.workspace.workspace_id
        record(
            db, call.actor, workspace_id, noted or "", name_targets(db, [Target(Scope.DATASTORE, workspace_id, (row,))])
        )

    place = await call.services.database.read(lambda db: datastores.place_of(db, call.workspace, name))
    store = await open_outside(call.services.settings, place)
    if noted is not None:
        await call.services.database.write(note)
    return store


def _path(call: Call) -> str:
    check_path(call.params["path"])
    return call.params["path"]


def _file_out(found: Found) -> FileOut:
    return FileOut(found.path, found.size, to_iso(found.modified_at), found.etag)


def _headers(found: Found) -> dict[str, str]:
    """What lies outside is never run as part of this site."""
    headers: dict[str, Any] = {
        "Accept-Ranges": "bytes",
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.path.rpartition('/')[2])}",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return headers | ({"ETag": f'"{found.etag.strip(chr(34))}"'} if found.etag else {})
