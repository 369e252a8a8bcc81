"""`python bare_server.py PORT`: uvicorn, and the same two bytes for every request. What nothing can be faster than."""

import sys
from typing import Any

import uvicorn

_HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")],
}


async def answer(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body"):
        pass
    await send(_HEAD)
    await send({"type": "http.response.body", "body": b"{}"})


if __name__ == "__main__":
    uvicorn.run(answer, port=int(sys.argv[1]), loop="uvloop", access_log=False, log_level="error", lifespan="off")
