"""Answers: small ones leave in one piece."""

from typing import Any

import msgspec
from starlette.responses import Response

JSON = "application/json; charset=utf-8"
_ENCODER = msgspec.json.Encoder()


def reply(document: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(_ENCODER.encode(document), status, headers, JSON)


def empty(status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(b"", status, headers)
