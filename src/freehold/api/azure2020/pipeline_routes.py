"""Where the pipeline service is found, and how its lists are answered.

`/api/v1.0…` is the published pages' and older clients' address, `/pipelines/v1.0…` the SDK's from 2019 on.
"""

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from freehold.api.azure2020.facade import pipelines
from freehold.api.entry import Call
from freehold.api.paging import give_token, page_size, take_token
from freehold.api.replies import reply
from freehold.api.routing import WORKSPACE, Endpoint, Within
from freehold.domain.access.actor import Action
from freehold.domain.documents.queries import Paging

ROOTS = (f"/pipelines/v1.0{WORKSPACE}", f"/api/v1.0{WORKSPACE}")
RUNS = ("/PipelineRuns", "/Experiments")
"""Each route of the one has a twin below the other, with the same answer; so have those of templates."""
TEMPLATES = ("/Templates", "/PublishedPipelines")
LARGEST_PAGE = 1_000


def pipeline_route(
    method: str, tail: str, action: Action, *, body: type | None = None, below: tuple[str, ...] = ("",)
) -> Callable[[Endpoint], Endpoint]:
    """Below both roots, and there below each of `below`."""

    def declare(endpoint: Endpoint) -> Endpoint:
        for root in ROOTS:
            for noun in below:
                pipelines.route(method, f"{root}{noun}{tail}", Within(action), body=body)(endpoint)
        return endpoint

    return declare


class ListAsked:
    """The query of a list, its names in any case and without `$`.

    SDKs expect a plain array of everything; with `$top` or a token they get a page {Entity, ContinuationToken}. The
    header `BatchSize` (1.62) shortens the plain array.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self._given = {key.lower().lstrip("$"): value for key, value in call.request.query_params.multi_items()}
        self.active_only = self._given.get("activeonly", "").lower() == "true"
        self.is_paged = bool(self._given.get("top") or self._given.get("continuationtoken"))

    def paging(self) -> Paging:
        """Raises Invalid for a size or a token that is none."""
        batch = self._call.request.headers.get("BatchSize")
        size = page_size(self._given.get("top") or batch, default=LARGEST_PAGE, largest=LARGEST_PAGE)
        return Paging(size, take_token(self._call, self._given.get("continuationtoken"), *self._bound()))

    def goes_on(self) -> bool:
        """Whether a plain list is to have everything."""
        return not self.is_paged and "BatchSize" not in self._call.request.headers

    def answer(self, value: list[Any], place: list[Any] | None) -> Response:
        if not self.is_paged:
            return reply(value)
        return reply({"Entity": value, "ContinuationToken": give_token(self._call, place, *self._bound())})

    def _bound(self) -> tuple[tuple[str, str], ...]:
        """What a token is good for: the same question, of whatever page size."""
        return tuple(sorted((key, value) for key, value in self._given.items() if key not in _PAGE))


_PAGE = frozenset({"top", "continuationtoken"})
