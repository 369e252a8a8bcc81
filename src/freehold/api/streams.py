"""A folder as one tar stream, made while it is sent."""

from pathlib import Path

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from freehold.lifecycle.bag.tar import iter_tar, tar_size


def stream_tar(folder: Path, name: str, seconds: int) -> StreamingResponse:
    """`name` is the archive's top folder, `seconds` the time of all its files."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.tar"',
        "Content-Length": str(tar_size(folder, name, seconds)),
    }
    pieces = iterate_in_threadpool(iter_tar(folder, name, seconds))
    return StreamingResponse(pieces, 200, headers, "application/x-tar")
