"""Reading what model management's lists are asked for, and answering them in pages with an absolute `nextLink`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.entry import Call
from freehold.api.paging import give_token, page_size, take_token
from freehold.api.replies import reply
from freehold.domain.documents.queries import Having, Order, Paging
from freehold.kit.numbers import whole_number
from freehold.kit.problems import Invalid

DEFAULT_COUNT = 100
LARGEST_COUNT = 1_000


class Asked:
    """The query of a list, its names in any case and without `$`. Empty values are left out."""

    def __init__(self, call: Call, more: Mapping[str, Any] | None = None) -> None:
        self._call = call
        given = {key.lower().lstrip("$"): value for key, value in call.request.query_params.multi_items()}
        given |= {key.lower(): value for key, value in (more or {}).items()}
        self._given = {key: value for key, value in given.items() if value not in ("", None)}

    def text(self, name: str) -> str | None:
        value = self._given.get(name.lower())
        return None if value is None else str(value)

    def number(self, name: str) -> int | None:
        text = self.text(name)
        if text is None:
            return None
        number = whole_number(text, most_digits=18)
        if number is None:
            raise Invalid("InvalidParameter", f"{name} is a whole number from 0.", target=name)
        return number

    def flag(self, name: str) -> bool:
        return (self.text(name) or "").lower() == "true"

    def labels(self) -> Having:
        """`tags=a,b=c` and `properties=…`; `tag=a` is the older spelling. Values are not in quotes."""
        tags = [*_pairs(self.text("tags")), *_pairs(self.text("tag"))]
        return Having(tags, _pairs(self.text("properties")))

    def texts(self, name: str) -> list[str]:
        """All values of a parameter, given several times or with commas between."""
        given = self._call.request.query_params.multi_items()
        values = [value for key, value in given if key.lower().lstrip("$") == name.lower()]
        return [part for value in values for part in value.split(",") if part]

    def paging(self, default: int = DEFAULT_COUNT) -> Paging:
        if self.number("offset"):
            raise Invalid("OffsetNotServed", "Pages follow `nextLink`, which carries $skipToken.", target="offset")
        asked = self.text("count") or self.text("top") or self.text("pageSize")
        token = self.text("skiptoken") or self.text("continuationToken")
        size = page_size(asked, default=default, largest=LARGEST_COUNT)
        return Paging(size, take_token(self._call, token, *self._bound()), self._order())

    def token(self, place: list[Any] | None) -> str | None:
        return give_token(self._call, place, *self._bound())

    def _order(self) -> Order:
        text = self.text("orderby")
        if text is None:
            return Order.CREATED_DOWN
        found = next((order for order in Order if order.value.lower() == text.strip().lower()), None)
        if found is None:
            raise Invalid("InvalidOrderBy", f"orderBy is one of {', '.join(Order)}.", target="orderBy")
        return found

    def _bound(self) -> tuple[Any, ...]:
        """What a page token is good for: the same question, of whatever page size."""
        return tuple(sorted((key, str(value)) for key, value in self._given.items() if key not in _PAGE))


_PAGE = frozenset({"skiptoken", "continuationtoken", "count", "top", "pagesize", "api-version", "expand"})


def answer_page(call: Call, asked: Asked, value: list[Any], place: list[Any] | None) -> Response:
    """`nextLink` is absolute, and absent on the last page: clients go on as long as the key is there."""
    document: dict[str, Any] = {"value": value}
    token = asked.token(place)
    if token is not None:
        document["nextLink"] = next_link(call, "$skipToken", token)
    return reply(document)


def answer_tokened_page(asked: Asked, value: list[Any], place: list[Any] | None) -> Response:
    """As datastores and datasets do it: `continuationToken`, null on the last page."""
    return reply({"value": value, "continuationToken": asked.token(place)})


def next_link(call: Call, name: str, token: str) -> str:
    """The request's own address with another token."""
    given = [(key, value) for key, value in call.request.query_params.multi_items() if key.lower() != name.lower()]
    return f"{own_base(call)}{quote(call.request.scope['path'])}?{urlencode([*given, (name, token)])}"


def _pairs(text: str | None) -> list[tuple[str, str | None]]:
    pairs: list[tuple[str, str | None]] = []
    for part in (text or "").split(","):
        key, equals, value = part.strip().partition("=")
        if key:
            pairs.append((key, value if equals else None))
    return pairs
