"""The addresses of MLflow's API, and what its handlers share: reading bodies and parameters, page tokens."""

import hashlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.errors import mlflow_envelope
from freehold.api.mlflow.words import to_int
from freehold.api.replies import JSON
from freehold.api.routing import WORKSPACE, Endpoint, Facade, Within
from freehold.domain.access.actor import Action
from freehold.kit.page_tokens import decode, encode
from freehold.kit.problems import Invalid

T = TypeVar("T")

mlflow = Facade("mlflow", mlflow_envelope)
_BASES = ("/api/2.0", "/ajax-api/2.0", f"/mlflow/v2.0{WORKSPACE}/api/2.0")

EMPTY = Response(b"{}", media_type=JSON)
"""The answer of everything that only writes. It holds no state and is sent again and again."""


def route(method: str, path: str, action: Action) -> Callable[[Endpoint], Endpoint]:
    """Declare a handler below every base: the default workspace's, the web page's, a named workspace's."""

    def declare(endpoint: Endpoint) -> Endpoint:
        for base in _BASES:
            mlflow.route(method, base + path, Within(action))(endpoint)
        return endpoint

    return declare


async def read_body(call: Call, decoder: msgspec.json.Decoder[T]) -> T:
    """The body by its shape. Raises Invalid saying where it does not fit, TooLarge."""
    raw = await call.raw_body() or b"{}"
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as fault:
        raise Invalid("InvalidBody", f"The body does not fit: {fault}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lenient(raw, decoder.type)


def _lenient(raw: bytes, shape: type[T]) -> T:
    """Bare NaN and Infinity, which Python's own json module writes and JSON does not know."""
    try:
        return msgspec.convert(json.loads(raw), shape)
    except msgspec.ValidationError as fault:
        raise Invalid("InvalidBody", f"The body does not fit: {fault}.") from None
    except (ValueError, RecursionError):
        raise Invalid("MalformedJson", "The body is no valid JSON.") from None


def named(value: str, name: str) -> str:
    """A field that must be there. Raises Invalid."""
    if not value:
        raise Invalid("MissingParameter", f"Missing value for required parameter '{name}'.", target=name)
    return value


def run_id_of(query: dict[str, str]) -> str:
    return named(query.get("run_id") or query.get("run_uuid", ""), "run_id")


def max_results(value: int | str | None, *, default: int, largest: int, page: int) -> int:
    """How many rows a page has: as asked, but never more than `page`. Raises Invalid beyond `largest`."""
    asked = default if value is None else to_int(value, "max_results")
    if not 1 <= asked <= largest:
        raise Invalid("InvalidPageSize", f"max_results is a number from 1 to {largest}.", target="max_results")
    return min(asked, page)


def open_token(call: Call, token: str | None, question: object) -> Any:
    """Where a page begins, or None for the first. Raises Invalid for a token of another question or actor."""
    return decode(_key(call), token, bind=_bound(call, question))["place"] if token else None


def seal_token(call: Call, place: Any, question: object) -> str | None:
    """The token of the page that begins after `place`; None where nothing follows."""
    return None if place is None else encode(_key(call), {"place": place}, bind=_bound(call, question))


def _key(call: Call) -> bytes:
    return call.services.keys.page_tokens.key


def _bound(call: Call, question: object) -> str:
    asked = msgspec.json.encode(
        [call.actor.person_id, call.workspace.public_id, call.route.endpoint.__name__, question]
    )
    return hashlib.sha256(asked).hexdigest()
