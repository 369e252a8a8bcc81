"""The façade that the files of this folder hang their routes on."""

from collections.abc import Callable

from freehold.api.errors import freehold_envelope
from freehold.api.routing import CONTAINER, Endpoint, Facade, Query, Within
from freehold.domain.access.actor import Action

V1 = "/freehold/v1"
freehold = Facade("freehold", freehold_envelope, strict_below=V1)


def container_route(
    method: str,
    tail: str,
    action: Action,
    *,
    body: type | None = None,
    answer: type | None = None,
    status: int = 200,
    also: dict[int, type] | None = None,
    query: Query | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """For the default workspace, and for the container whose ARM path stands before the tail."""

    def declare(endpoint: Endpoint) -> Endpoint:
        for path in (f"{V1}{tail}", f"{V1}{CONTAINER}{tail}"):
            route = freehold.route(
                method, path, Within(action), body=body, answer=answer, status=status, also=also, query=query
            )
            route(endpoint)
        return endpoint

    return declare
