"""Reading what the clients send: JSON that may hold bare NaN, times, and the page they want."""

import json
from typing import Any, NamedTuple, TypeVar

import msgspec

from freehold.api.azure.wire import Wire
from freehold.api.entry import Call
from freehold.api.paging import page_size, take_token
from freehold.domain.listing.service import Question
from freehold.kit.problems import Invalid

T = TypeVar("T")


class QueryIn(Wire):
    filter: str | None = None
    orderby: str | list[str] | None = None
    top: int | None = None
    continuation_token: str | None = None
    view_type: str | None = None


class Paged(NamedTuple):
    """A question, and what its page token is bound to."""

    question: Question
    bound: tuple[Any, ...]


async def read_json(call: Call, shape: type[T]) -> T:
    """The body as `shape`; an empty one is an empty object. Python's json module writes NaN and Infinity bare,
    and the content type says nothing (clients send `application/json-patch+json` for plain JSON).
    """
    raw = await call.raw_body() or b"{}"
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as fault:
        raise Invalid("InvalidBody", f"The body does not fit: {fault}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _lenient(raw, shape)


def paged_by_query(call: Call) -> Paged:
    """`$filter`, `$orderby`, `$sortorder`, `$top` and `$continuationtoken`, in any case, with or without `$`."""
    given = {key.lower().lstrip("$"): value for key, value in call.request.query_params.multi_items()}
    order = given.get("orderby")
    if order and given.get("sortorder", "").lower() in {"asc", "desc"} and " " not in order.strip():
        order = f"{order} {given['sortorder']}"
    return _paged(call, given.get("filter"), order, given.get("top"), given.get("continuationtoken"))


def paged_by_body(call: Call, body: QueryIn) -> Paged:
    order = ",".join(body.orderby) if isinstance(body.orderby, list) else body.orderby
    return _paged(call, body.filter, order, body.top, body.continuation_token)


def _paged(call: Call, filter_: str | None, order: str | None, top: Any, token: str | None) -> Paged:
    bound = (filter_, order)
    place = take_token(call, token, *bound)
    return Paged(Question(filter_, order, page_size(top), place), bound)


def _lenient(raw: bytes, shape: type[T]) -> T:
    try:
        return msgspec.convert(json.loads(raw), shape)
    except msgspec.ValidationError as fault:
        raise Invalid("InvalidBody", f"The body does not fit: {fault}.") from None
    except (ValueError, RecursionError):
        raise Invalid("MalformedJson", "The body is no valid JSON.") from None
