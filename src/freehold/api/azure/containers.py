"""Lists of containers in ARM's pages: `$top`, `$skiptoken`, and an absolute `nextLink` that the last page lacks."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.azure.versions import api_version
from freehold.api.entry import Call
from freehold.api.paging import give_token, page_size, take_token
from freehold.api.replies import reply
from freehold.domain.workspaces.service import WorkspaceView


def page_asked(call: Call) -> tuple[int, int]:
    """How many, and after which integer key."""
    given = {key.lower(): value for key, value in call.query.items()}
    place = take_token(call, given.get("$skiptoken"))
    return page_size(given.get("$top")), int(place[0]) if place else 0


def answer_page(
    call: Call, found: list[WorkspaceView], size: int, out: Callable[[Call, WorkspaceView], dict[str, Any]]
) -> Response:
    """`found` has one more than `size` if more follow."""
    document: dict[str, Any] = {"value": [out(call, each) for each in found[:size]]}
    if len(found) > size:
        token = give_token(call, [found[size - 1].ref.workspace_id])
        asked = {key: value for key, value in call.query.items() if key.lower() != "$skiptoken"}
        asked |= {"api-version": api_version(call), "$skiptoken": token or ""}
        document["nextLink"] = f"{own_base(call)}{quote(call.request.scope['path'])}?{urlencode(asked)}"
    return reply(document)
