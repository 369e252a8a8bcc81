"""PUT of a blob: whole, in blocks, or the list that joins the blocks."""

from starlette.responses import Response

from freehold.api.blobs.block_list import LARGEST, read_block_list
from freehold.api.blobs.facade import BLOB, Opened, blob_headers, blobs, open_blob, wire_headers
from freehold.api.entry import Call
from freehold.api.replies import empty
from freehold.api.routing import SignedUrl
from freehold.domain.access.actor import Action
from freehold.domain.artifacts.blocks import commit_blocks, stage_block
from freehold.domain.artifacts.transfer import upload
from freehold.kit.problems import Invalid, NotImplementedHere

_BLOCK_BLOB = "blockblob"
_STORED = {"x-ms-request-server-encrypted": "false"}


@blobs.route("PUT", BLOB, SignedUrl())
async def write_blob(call: Call) -> Response:
    """Put a blob, a block of one (`comp=block`), or the list of its blocks (`comp=blocklist`)."""
    opened = await open_blob(call, Action.WRITE)
    part = call.query.get("comp", "")
    if part == "block":
        return await _put_block(call, opened)
    if part == "blocklist":
        return await _put_block_list(call, opened)
    if part:
        raise NotImplementedHere("UnsupportedQueryParameter", "comp is `block` or `blocklist`, or left out.")
    return await _put_whole(call, opened)


async def _put_whole(call: Call, opened: Opened) -> Response:
    kind = call.request.headers.get("x-ms-blob-type", "")
    if kind.lower() != _BLOCK_BLOB:
        raise Invalid("InvalidBlobType", "Send `x-ms-blob-type: BlockBlob`: blobs here are block blobs.")
    services = call.services
    artifact = await upload(
        services.database,
        services.objects,
        *opened,
        call.stream(),
        content_type=_content_type(call),
        must_be_empty=_must_be_empty(call),
    )
    return empty(201, wire_headers(call) | blob_headers(artifact) | _STORED)


async def _put_block(call: Call, opened: Opened) -> Response:
    services = call.services
    block_id = call.query.get("blockid", "")
    await stage_block(services.database, services.objects, *opened, block_id, call.stream())
    return empty(201, wire_headers(call) | _STORED)


async def _put_block_list(call: Call, opened: Opened) -> Response:
    services = call.services
    block_ids = read_block_list(await call.raw_body(LARGEST))
    artifact = await commit_blocks(
        services.database,
        services.objects,
        *opened,
        block_ids,
        content_type=_content_type(call),
        must_be_empty=_must_be_empty(call),
    )
    return empty(201, wire_headers(call) | blob_headers(artifact) | _STORED)


def _content_type(call: Call) -> str | None:
    """What the blob is; the Content-Type of a block list is that of the list itself."""
    headers = call.request.headers
    own = headers.get("x-ms-blob-content-type")
    return own or (None if "comp" in call.query else headers.get("content-type"))


def _must_be_empty(call: Call) -> bool:
    return call.request.headers.get("if-none-match", "").strip() == "*"
