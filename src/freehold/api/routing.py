"""Routes, each with the rule that lets a caller in. A route without a rule cannot be made."""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from freehold.domain.access.actor import Action

if TYPE_CHECKING:
    from freehold.api.entry import Call

WORKSPACE = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningServices/workspaces/{workspace}"
)
"""The path parts that name a workspace, spelt by ARM; they match in any case, and `resourceGroup` too."""
PROJECT = (
    "/subscriptions/{subscription}/resourceGroups/{group}"
    "/providers/Microsoft.MachineLearningExperimentation/accounts/{account}/workspaces/{above}/projects/{project}"
)
HOSTING_ACCOUNT = "/subscriptions/{subscription}/resourceGroups/{group}/accounts/{hosting}"
"""How the data plane of 2017 names a hosting account: without its provider."""
CONTAINER = "/subscriptions/{subscription}/resourceGroups/{group}/{resource:path}"
"""The path parts that name a container of any kind: `providers/…/workspaces/x`, `providers/…/accounts/x` …."""

Endpoint = Callable[["Call"], Awaitable[Response]]
Envelope = Callable[["Call | None", Exception], Response]
Query = Mapping[str, Mapping[str, Any]]
"""Query parameters by name, each with the JSON schema of its value; `required` beside it is of the parameter."""


@dataclass(frozen=True)
class Anonymous:
    """Anybody may call it. A test lists these routes; the list needs a reason for each."""

    because: str


@dataclass(frozen=True)
class SignedIn:
    """Any verified token. The domain decides what it may see."""


@dataclass(frozen=True)
class Within:
    """The actor must hold `action` in the workspace that the path names, or in the default one."""

    action: Action


@dataclass(frozen=True)
class SignedUrl:
    """The URL itself carries the right, signed and with an expiry; the handler verifies it first."""


Rule = Anonymous | SignedIn | Within | SignedUrl


class Echo(StrEnum):
    """When a client's own request id is sent back. The server's id is sent by all but `NO_IDS`."""

    NO_IDS = "no ids"
    ALWAYS = "always"
    WHEN_ASKED = "when asked"


@dataclass(frozen=True)
class Route:
    """`query`: all the parameters that it takes; None where it passes over those that it does not know."""

    method: str
    path: str
    endpoint: Endpoint
    rule: Rule
    envelope: Envelope
    folds_case: bool = field(default=False, compare=False)
    summary: str = ""
    body: type | None = None
    answer: type | None = None
    status: int = 200
    also: dict[int, type] = field(default_factory=dict, compare=False)
    echo: Echo = Echo.NO_IDS
    versions: frozenset[str] = frozenset()
    query: Query | None = field(default=None, compare=False)

    @property
    def is_fixed(self) -> bool:
        """It answers at one address, letter by letter."""
        return "{" not in self.path and not self.folds_case

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """Compiled when a request asks for it first: of hundreds, most serve none that a server ever gets."""
        return _compile(self.path, self.folds_case)


class Facade:
    """One way of speaking: its routes share an envelope for errors and a case rule for paths.

    `strict_below`: routes below this path take no query parameters but those that they declare.
    """

    def __init__(
        self,
        name: str,
        envelope: Envelope,
        *,
        folds_case: bool = False,
        echo: Echo = Echo.NO_IDS,
        strict_below: str | None = None,
    ) -> None:
        self.name = name
        self.routes: list[Route] = []
        self._envelope = envelope
        self._folds_case = folds_case
        self._echo = echo
        self._strict_below = strict_below

    def route(
        self,
        method: str,
        path: str,
        rule: Rule,
        *,
        body: type | None = None,
        answer: type | None = None,
        status: int = 200,
        also: dict[int, type] | None = None,
        versions: frozenset[str] = frozenset(),
        query: Query | None = None,
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a handler: `@facade.route("GET", "/healthz", Anonymous(because="…"))`.

        `{name}` matches one path part, `{name:path}` the rest with its slashes. `body`, `answer` and `status`
        describe it in the OpenAPI document; `also` are answers with another status, `versions` the api-versions,
        `query` the query parameters.
        """

        def declare(endpoint: Endpoint) -> Endpoint:
            summary = (endpoint.__doc__ or "").strip().partition("\n")[0]
            is_strict = self._strict_below is not None and path.startswith(self._strict_below)
            taken = (query or {}) if is_strict else query
            shapes = (summary, body, answer, status, also or {}, self._echo, versions, taken)
            self.routes.append(Route(method, path, endpoint, rule, self._envelope, self._folds_case, *shapes))
            return endpoint

        return declare


def _compile(path: str, folds_case: bool) -> re.Pattern[str]:
    pieces = []
    for piece in re.split(r"(\{[^}]+\})", path):
        if piece.startswith("{"):
            name, _, kind = piece[1:-1].partition(":")
            pieces.append(f"(?P<{name}>{'.+' if kind == 'path' else '[^/]+'})")
        else:
            pieces.append(_literal(piece, folds_case))
    return re.compile("".join(pieces), re.DOTALL)


def _literal(text: str, folds_case: bool) -> str:
    """Within a workspace's ARM path, literals match in any case; elsewhere only if the façade folds."""
    head, arm, tail = text, "", ""
    if not folds_case and "/subscriptions/" in text:
        head, _, rest = text.partition("/subscriptions/")
        arm, tail = "/subscriptions/" + rest, ""
    elif folds_case or text in _ARM_PIECES:
        head, arm = "", text
    escaped = re.escape(arm).replace("resourceGroups", "resourceGroups?")
    return re.escape(head) + (f"(?i:{escaped})" if arm else "") + re.escape(tail)


_ARM_PIECES = frozenset(
    {
        "/resourceGroups/",
        "/providers/Microsoft.MachineLearningServices/workspaces/",
        "/providers/Microsoft.MachineLearningExperimentation/accounts/",
        "/accounts/",
        "/workspaces/",
        "/projects/",
    }
)
