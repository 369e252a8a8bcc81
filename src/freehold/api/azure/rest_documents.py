"""Documents of any noun as an export writes them to `rest/`: canonical, without host, caller, page or person."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from freehold.domain.access.actor import WorkspaceRef
from freehold.domain.access.kinds import Kind
from freehold.domain.access.queries import find_workspace_by_key
from freehold.domain.secrets.texts import labels_without_secrets, without_secrets
from freehold.domain.whole import service as whole
from freehold.domain.workspaces import service as workspaces
from freehold.domain.workspaces.service import WorkspaceView
from freehold.lifecycle.selection import Selection, Target
from freehold.records.catalogue import Record
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

SERVER = "it belongs to the server, or to what stands above; the same content has another one elsewhere"
PERSON = "the directory belongs to the server; members.parquet has a random id instead"
SUBSCRIPTION = "00000000-0000-0000-0000-000000000000"
RESOURCE_GROUP = "freehold"
View = TypeVar("View")


class Noun(NamedTuple):
    """`name`: of the folder below `rest/`. `kinds`: of the containers whose documents are spelt so."""

    name: str
    record: type[Record]
    kinds: frozenset[Kind]


class Documents(Generic[View]):
    """`views`: row → view, of the rows given. `out`: the document that a GET answers."""

    def __init__(
        self,
        noun: Noun,
        views: Callable[[Transaction, WorkspaceRef, Sequence[int]], Mapping[int, View]],
        out: Callable[[WorkspaceRef, View], Any],
        persons: Sequence[str] = (),
    ) -> None:
        """`persons`: dotted paths of what names one."""
        self.name = noun.name
        self.withheld: Mapping[str, str] = dict.fromkeys(persons, PERSON)
        self._noun, self._views, self._out = noun, views, out

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        """In order of creation."""
        workspace, record = workspace_of(db, chosen), self._noun.record
        if workspace.kind not in self._noun.kinds:
            return
        for rows in whole.keys(db, workspace, record, Selection(chosen).leaving(record)):
            found = self._views(db, workspace, rows)
            views = (without_secrets(found[row]) for row in rows if row in found)
            yield from (msgspec.to_builtins(self._out(workspace, view)) for view in views)
            del found, views  # before the next are read: they may be large


class ContainerDocument:
    """The container itself, of one kind, in a bag of all of it; none of what stands above or below."""

    def __init__(
        self, name: str, kind: Kind, out: Callable[[WorkspaceView], dict[str, Any]], of_server: Sequence[str]
    ) -> None:
        """`of_server`: dotted paths of what is the server's, or of another container."""
        self.name = name
        self.withheld: Mapping[str, str] = dict.fromkeys(of_server, SERVER)
        self._kind, self._out = kind, out

    def documents(self, db: Transaction, chosen: Target) -> Iterator[dict[str, Any]]:
        workspace = workspace_of(db, chosen)
        if chosen.scope is Scope.WORKSPACE and workspace.kind is self._kind:
            found = workspaces.get_workspace(db, workspace)
            description, tags = map(labels_without_secrets, (found.description, found.tags))
            properties = without_secrets(found.properties)
            yield self._out(found._replace(ref=workspace, description=description, tags=tags, properties=properties))


def workspace_of(db: Transaction, chosen: Target) -> WorkspaceRef:
    """In a canonical place: subscription and resource group are a server's, and the same content has no other there."""
    found = find_workspace_by_key(db, chosen.workspace_id)
    assert found is not None, "the snapshot holds the workspace that it is taken of"
    return found._replace(subscription_id=SUBSCRIPTION, resource_group=RESOURCE_GROUP)
