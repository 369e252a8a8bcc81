"""A folder as one tar stream, made while it is sent."""

from pathlib import Path

from starlette.concurrency import iterate_in_threadpool
from starlette.responses import StreamingResponse

from freehold.lifecycle.bag.tar import stream_tar as tar_pieces


def stream_tar(folder: Path) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{folder.name}.tar"'}
    return StreamingResponse(iterate_in_threadpool(tar_pieces(folder)), 200, headers, "application/x-tar")
