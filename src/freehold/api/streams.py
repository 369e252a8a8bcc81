"""A bag as one stream, tar or zip, made while it is sent; whole, or from any byte on."""

from collections.abc import Iterator

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import StreamingResponse

from freehold.api.ranges import asked_span
from freehold.kit.problems import Invalid
from freehold.lifecycle.bag.tar import iter_tar, tar_size
from freehold.lifecycle.bag.zip import iter_zip, zip_size
from freehold.lifecycle.kept import ReadyBag

TAR, ZIP = "tar", "zip"
AT_ONCE = 1 << 18
_TYPES = {TAR: "application/x-tar", ZIP: "application/zip"}


def stream_bag(request: Request, bag: ReadyBag, form: str) -> StreamingResponse:
    """200 with all of it, 206 with what `Range` asks for. The same bag gives the same bytes, so a download resumes."""
    if form not in _TYPES:
        raise Invalid("InvalidFormat", f"format is {TAR} or {ZIP}.", target="format")
    size = (tar_size if form == TAR else zip_size)(bag.folder, bag.name)
    etag = f'"{bag.name}.{form}"'
    is_same = request.headers.get("if-range", etag) == etag
    span = asked_span(request.headers, size) if is_same else None
    start, end = span or (0, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{bag.name}.{form}"',
        "Content-Length": str(end - start),
        "ETag": etag,
    }
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    whole = iter_tar if form == TAR else iter_zip
    pieces = _gathered(_first(whole(bag.folder, bag.name, bag.seconds, start), end - start))
    return StreamingResponse(iterate_in_threadpool(pieces), 206 if span else 200, headers, _TYPES[form])


def _gathered(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Small ones together: each that is sent costs a change of threads, and a small file is three of them."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= AT_ONCE:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


def _first(pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
    for piece in pieces:
        if len(piece) >= size:
            yield piece[:size]
            return
        size -= len(piece)
        yield piece
