"""A bag as one stream, tar or zip, made while it is sent; whole, or from any byte on."""

from collections.abc import Iterator

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from freehold.api.ranges import asked_span
from freehold.kit.problems import Invalid
from freehold.lifecycle.bag.tar import iter_tar, kept_files, tar_size
from freehold.lifecycle.bag.zip import iter_zip, zip_size
from freehold.lifecycle.kept import ReadyBag, no_bag

TAR, ZIP = "tar", "zip"
AT_ONCE = 1 << 18
_TYPES = {TAR: "application/x-tar", ZIP: "application/zip"}


def stream_bag(request: Request, bag: ReadyBag, form: str) -> Response:
    """200 with all of it, 206 with what `Range` asks for. The same bag gives the same bytes, so a download resumes.

    A HEAD reads no file, and ignores `Range` as RFC 9110 has it. Looks at every file of the bag: not for the event
    loop. Raises Invalid, RangeNotSatisfiable, NotFound where the bag went in this moment.
    """
    if form not in _TYPES:
        raise Invalid("InvalidFormat", f"format is {TAR} or {ZIP}.", target="format")
    try:
        size = (tar_size if form == TAR else zip_size)(bag.folder, bag.name, kept_files)
    except FileNotFoundError:
        raise no_bag() from None
    etag, is_head = f'"{bag.name}.{form}"', request.method == "HEAD"
    span = None if is_head else asked_span(request.headers, size, etag)
    start, end = span or (0, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f'attachment; filename="{bag.name}.{form}"',
        "Content-Length": str(end - start),
        "ETag": etag,
    }
    if span:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if is_head:
        return Response(None, 200, headers, _TYPES[form])
    whole = iter_tar if form == TAR else iter_zip
    pieces = _gathered(_first(whole(bag.folder, bag.name, bag.seconds, start, kept_files), end - start))
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
