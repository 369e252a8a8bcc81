"""The token that each request shows."""

from collections.abc import Callable, Generator

import httpx


class Bearer(httpx.Auth):
    """Where new tokens can be had, one is taken after a 401, and before a body that can be sent only once."""

    def __init__(self, token: str | Callable[[], str]) -> None:
        self._renew = None if isinstance(token, str) else token
        self._token = token if isinstance(token, str) else token()

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        can_repeat = isinstance(request.stream, httpx.ByteStream)
        if self._renew is not None and not can_repeat:
            self._token = self._renew()
        response = yield self._shown(request)
        if response.status_code == 401 and self._renew is not None and can_repeat:
            self._token = self._renew()
            yield self._shown(request)

    def _shown(self, request: httpx.Request) -> httpx.Request:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
