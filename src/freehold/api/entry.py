"""From a raw request to a handler: find the route, let the caller in, call, print errors in the route's envelope."""

import time
from collections.abc import AsyncIterator, Iterable
from typing import Any, NamedTuple, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from freehold.api.auth import authenticate
from freehold.api.observe import observe
from freehold.api.routing import Echo, Facade, Route, SignedIn, Within
from freehold.api.services import Services
from freehold.domain.access.actor import Action, Actor, WorkspaceName, WorkspaceRef
from freehold.domain.access.ages import age
from freehold.domain.access.kinds import Kind, parse
from freehold.domain.access.service import enter, require
from freehold.kit.problems import Invalid, MethodNotAllowed, NotFound, Problem, TooLarge
from freehold.kit.sharing import SharedLooks

ACCESS_SECONDS = 1.0
"""How long a resolved workspace and the actor's rights in it are reused before they are read again."""
LARGEST_CACHE = 10_000
ANY = -1
LONGEST_ID = 128
T = TypeVar("T")


class Call:
    """One request, let in: what a handler works with."""

    __slots__ = ("_actor", "_request_id", "_workspace", "actions", "params", "request", "route", "services")

    def __init__(self, request: Request, services: Services, route: Route, params: dict[str, str]) -> None:
        self.request = request
        self.services = services
        self.route = route
        self.params = params
        self._request_id = ""
        self.actions: frozenset[Action] = frozenset()
        self._actor: Actor | None = None
        self._workspace: WorkspaceRef | None = None

    @property
    def request_id(self) -> str:
        """Made when first asked for: most requests never need it."""
        self._request_id = self._request_id or self.services.ids.new_id()
        return self._request_id

    @property
    def actor(self) -> Actor:
        assert self._actor is not None, "this route's rule lets nobody in by token"
        return self._actor

    @property
    def workspace(self) -> WorkspaceRef:
        assert self._workspace is not None, "this route's rule names no workspace"
        return self._workspace

    @property
    def opens_secrets(self) -> bool:
        """Whether the actor has the right to the secrets of this workspace's documents."""
        return Action.SECRETS in self.actions

    @property
    def query(self) -> dict[str, str]:
        """Query parameters; the last of equal names wins."""
        return dict(self.request.query_params)

    async def body(self, shape: type[T]) -> T:
        """The JSON body as `shape`. Raises Invalid with the place that is wrong, TooLarge."""
        return decode(await self.raw_body(), shape)

    async def raw_body(self, limit: int | None = None) -> bytes:
        limit = limit or self.services.settings.max_body
        declared = self.request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        pieces, size, is_more = [], 0, True
        while is_more:  # as `stream`, without a generator: every small request passes here
            piece, is_more = await self._receive()
            size += len(piece)
            if size > limit:
                raise _too_large(limit)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def stream(self) -> AsyncIterator[bytes]:
        """The body as it arrives. Raises Invalid when the client stops in the middle."""
        is_more = True
        while is_more:
            piece, is_more = await self._receive()
            if piece:
                yield piece

    async def _receive(self) -> tuple[bytes, bool]:
        message = await self.request.receive()
        if message["type"] == "http.disconnect":
            raise Invalid("IncompleteBody", "The body ended before its declared length. Nothing was kept.")
        return message["body"], message["more_body"]


def _check_query(call: Call) -> None:
    """A misspelt parameter, or one of two values, would do something else than what was asked for. Raises Invalid."""
    taken = call.route.query
    if taken is None or not call.request.scope["query_string"]:
        return
    given = [name for name, _ in call.request.query_params.multi_items()]
    for name in given:
        if name not in taken:
            known = f"There are: {', '.join(taken)}." if taken else "There are none."
            raise Invalid("UnknownParameter", f"{name} is no query parameter of this address. {known}", target=name)
        if given.count(name) > 1:
            raise Invalid("RepeatedParameter", f"{name} is given more than once. Give it once.", target=name)


def decode(body: bytes, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(body or b"{}", type=shape)
    except msgspec.ValidationError as fault:
        raise Invalid("InvalidBody", f"The body does not fit: {fault}.") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as fault:
        raise Invalid("MalformedJson", f"The body is no valid JSON: {fault}.") from None


class Held(NamedTuple):
    """What is known of a container and of what an actor may do there; `until` on the monotonic clock, in seconds."""

    until: float
    age: int
    workspace: WorkspaceRef
    actions: frozenset[Action]


class Entrance:
    """The ASGI application: all façades behind one door."""

    def __init__(self, services: Services, facades: Iterable[Facade]) -> None:
        self._services = services
        self._fixed: dict[str, dict[str, Route]] = {}
        self._patterns: dict[tuple[str, int], list[Route]] = {}
        self.routes = [route for facade in facades for route in facade.routes]
        self._access: dict[tuple[int, WorkspaceName | None], Held] = {}
        self._looks: SharedLooks[Held] = SharedLooks()
        for route in self.routes:
            self._add(route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        began = time.monotonic()
        response, route = await self._respond(Request(scope, receive, send))
        await response(scope, receive, send)
        observe(route, scope["method"], response.status_code, time.monotonic() - began)

    async def _respond(self, request: Request) -> tuple[Response, Route | None]:
        path = request.scope["path"]
        if path.startswith("//"):
            path = "/" + path.lstrip("/")
        found = self._find(request.scope["method"], path)
        if isinstance(found, Problem):
            return _fallback_envelope(path, self.routes)(None, found), None
        route, params = found
        call = Call(request, self._services, route, params)
        try:
            await self._let_in(call)
            _check_query(call)
            response = await route.endpoint(call)
        except Exception as fault:
            response = route.envelope(call, fault)
        if route.echo is not Echo.NO_IDS:
            _add_ids(call, response)
        return response, route

    def _find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | Problem:
        fixed = self._fixed.get(path)
        if fixed is not None:
            route = fixed.get(method) or (fixed.get("GET") if method == "HEAD" else None)
            if route is not None:
                return route, {}
        is_known = fixed is not None
        for route in self._candidates(path):
            match = route.pattern.fullmatch(path)
            if match is None:
                continue
            if route.method == method or (route.method == "GET" and method == "HEAD"):
                return route, match.groupdict()
            is_known = True
        if is_known:
            return MethodNotAllowed("MethodNotAllowed", f"{method} is not a verb of this address.")
        return NotFound("EndpointNotFound", "There is nothing at this address. See /openapi.json for what there is.")

    def _candidates(self, path: str) -> list[Route]:
        """Routes by first part and number of parts, then those whose tail may hold any number of parts."""
        head = path.split("/", 2)[1].lower()
        keys = ((head, path.count("/")), ("", path.count("/")), (head, ANY), ("", ANY))
        return [route for key in keys for route in self._patterns.get(key, ())]

    def _add(self, route: Route) -> None:
        if route.is_fixed:
            self._fixed.setdefault(route.path, {})[route.method] = route
            return
        head = route.path.split("/", 2)[1].lower()
        parts = ANY if ":path}" in route.path else route.path.count("/")
        self._patterns.setdefault(("" if "{" in head else head, parts), []).append(route)

    async def _let_in(self, call: Call) -> None:
        rule = call.route.rule
        if not isinstance(rule, SignedIn | Within):
            return
        call._actor = await authenticate(call.request, self._services)
        if isinstance(rule, Within):
            await self._enter(call, rule.action)

    async def _enter(self, call: Call, action: Action) -> None:
        name = workspace_name(call.params)
        key = (call.actor.person_row, name)
        held = self._access.get(key)
        age_now = age()
        if held is None or held.until < time.monotonic() or held.age != age_now:
            held = await self._looks.ask((key, age_now), self._look(call.actor, name, age_now))
        call._workspace, call.actions = held.workspace, held.actions
        require(call.actions, action)

    async def _look(self, actor: Actor, name: WorkspaceName | None, age_now: int) -> Held:
        """`age_now` was taken before the read: what is hidden meanwhile is looked up again."""
        until = time.monotonic() + ACCESS_SECONDS
        workspace, actions = await self._services.database.read(lambda db: enter(db, actor, name))
        if len(self._access) >= LARGEST_CACHE:
            self._access.clear()
        held = self._access[actor.person_row, name] = Held(until, age_now, workspace, actions)
        return held


def workspace_name(params: dict[str, str]) -> WorkspaceName | None:
    """The container that a path names; None is the default workspace. Raises NotFound where it names none."""
    if "resource" in params:
        found = parse(params["resource"])
        if found is None:
            raise NotFound("ResourceNotFound", "There is no such workspace, or you may not see it.")
        return WorkspaceName(params["subscription"], params["group"], found[1], found[0])
    for kind, parts in _PARTS:
        if parts[-1] in params:
            names = tuple(params[part] for part in parts)
            return WorkspaceName(params["subscription"], params["group"], names, kind)
    return None


_PARTS = (
    (Kind.WORKSPACE, ("workspace",)),
    (Kind.HOSTING_ACCOUNT, ("hosting",)),
    (Kind.CLUSTER, ("cluster",)),
    (Kind.PROJECT, ("account", "above", "project")),
    (Kind.EXPERIMENTATION_WORKSPACE, ("account", "above")),
    (Kind.EXPERIMENTATION_ACCOUNT, ("account",)),
)
"""Kind, and the names of the path's parts that name one; what lies below is tried first."""


def _add_ids(call: Call, response: Response) -> None:
    """The server's id for the request, and the client's own where its family sends that back."""
    sent = call.request.headers
    theirs = sent.get("x-ms-client-request-id", "")[:LONGEST_ID]
    is_asked = call.route.echo is Echo.ALWAYS or sent.get("x-ms-return-client-request-id", "").lower() == "true"
    response.headers.setdefault("x-ms-request-id", call.request_id)
    if theirs and is_asked and theirs.isascii() and theirs.isprintable():
        response.headers["x-ms-client-request-id"] = theirs


def _too_large(limit: int) -> TooLarge:
    return TooLarge("BodyTooLarge", f"The body may have at most {limit} bytes. Send it in smaller parts.")


def _fallback_envelope(path: str, routes: list[Route]) -> Any:
    """Where no route answers, the envelope of the façade whose addresses look most alike."""
    head = path.split("/", 3)[1:3]
    alike = [route for route in routes if route.path.split("/", 3)[1:3] == head]
    first = [route for route in routes if route.path.split("/", 2)[1] == head[0]]
    return (alike or first or routes)[0].envelope
