"""Accounts, their workspaces, projects and clusters as ARM resources. All kinds have the same verbs.

A DELETE hides at once and erases for good; while something stands below it is refused, as ARM does. A project takes its
run history, artifacts and notifications with it (call 46); a hosting account its models, manifests, images, services.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.azure.containers import answer_page, page_asked
from freehold.api.azure.polling import accepted
from freehold.api.azure.versions import ACCOUNTS, CLUSTERS, EXPERIMENTATION
from freehold.api.azure2018.container_shapes import (
    AccountPropertiesIn,
    ClusterPropertiesIn,
    OfAllIn,
    ProjectPropertiesIn,
    Shape,
    account_properties,
    cluster_keys,
    cluster_properties,
    hosting_properties,
    project_properties,
    read_wanted,
    resource_out,
    workspace_properties,
)
from freehold.api.azure2018.facade import GROUP, SUBSCRIPTION, clusters, provider_route, providers
from freehold.api.entry import Call, workspace_name
from freehold.api.replies import empty, reply
from freehold.api.routing import Facade, SignedIn, Within
from freehold.domain.access.actor import Action
from freehold.domain.access.kinds import FACTS, Kind
from freehold.domain.workspaces import service as workspaces
from freehold.domain.workspaces.service import WorkspaceView
from freehold.lifecycle.erase import request_erasure
from freehold.operations.model import Operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction


@dataclass(frozen=True)
class Resource:
    """One kind, as its provider serves it. `place`: its path; `collection`: that of the list of its siblings.

    `shows_secrets`: its document has them, for who has the right to them; else no document does.
    """

    kind: Kind
    place: str
    shape: Shape
    versions: frozenset[str]
    facade: Facade = providers
    shows_secrets: bool = False

    @property
    def collection(self) -> str:
        return self.place.rpartition("/")[0]

    @property
    def called(self) -> str:
        return FACTS[self.kind].called


_EXPERIMENTATION = f"{GROUP}/providers/Microsoft.MachineLearningExperimentation/accounts/{{account}}"
ACCOUNT = Resource(
    Kind.EXPERIMENTATION_ACCOUNT,
    _EXPERIMENTATION,
    Shape(AccountPropertiesIn, account_properties),
    EXPERIMENTATION,
    shows_secrets=True,
)
WORKSPACE = Resource(
    Kind.EXPERIMENTATION_WORKSPACE,
    f"{_EXPERIMENTATION}/workspaces/{{above}}",
    Shape(OfAllIn, workspace_properties),
    EXPERIMENTATION,
)
PROJECT = Resource(
    Kind.PROJECT,
    f"{WORKSPACE.place}/projects/{{project}}",
    Shape(ProjectPropertiesIn, project_properties),
    EXPERIMENTATION,
)
HOSTING_ACCOUNT = Resource(
    Kind.HOSTING_ACCOUNT,
    f"{GROUP}/providers/Microsoft.MachineLearningModelManagement/accounts/{{hosting}}",
    Shape(OfAllIn, hosting_properties, has_sku=True),
    ACCOUNTS,
)
CLUSTER = Resource(
    Kind.CLUSTER,
    f"{GROUP}/providers/Microsoft.MachineLearningCompute/operationalizationClusters/{{cluster}}",
    Shape(ClusterPropertiesIn, cluster_properties),
    CLUSTERS,
    facade=clusters,
)
RESOURCES = (ACCOUNT, WORKSPACE, PROJECT, HOSTING_ACCOUNT, CLUSTER)


def _declare_get(resource: Resource) -> None:
    async def get(call: Call) -> Response:
        def read(db: Transaction) -> Response:
            found = workspaces.get_workspace(db, call.workspace)
            opens = resource.shows_secrets and call.opens_secrets
            return reply(_out(db, call, resource, workspaces.open_properties(db, found) if opens else found))

        return await call.services.database.read(read)

    get.__doc__ = f"One {resource.called}."
    provider_route(resource.facade, "GET", resource.place, Within(Action.READ), resource.versions)(get)


def _declare_put(resource: Resource) -> None:
    async def put(call: Call) -> Response:
        wanted = await read_wanted(call, resource.shape)
        name = workspace_name(call.params)
        assert name is not None, "the path names one"

        def write(db: Transaction) -> Response:
            made, is_new = workspaces.put_workspace(db, call.actor, name, wanted)
            return reply(_out(db, call, resource, made), 201 if is_new else 200)

        return await call.services.database.write(write)

    put.__doc__ = f"Make a {resource.called} (201) or change it (200). Whoever makes one owns it."
    provider_route(resource.facade, "PUT", resource.place, SignedIn(), resource.versions)(put)


def _declare_patch(resource: Resource) -> None:
    async def change(call: Call) -> Response:
        wanted = await read_wanted(call, resource.shape)

        def write(db: Transaction) -> Response:
            return reply(_out(db, call, resource, workspaces.change_workspace(db, call.actor, call.workspace, wanted)))

        return await call.services.database.write(write)

    change.__doc__ = f"Change the tags, names and properties of a {resource.called}."
    provider_route(resource.facade, "PATCH", resource.place, Within(Action.READ), resource.versions)(change)


def _declare_delete(resource: Resource) -> None:
    async def delete(call: Call) -> Response:
        operation = await call.services.database.write(lambda db: _request(db, call))
        if operation is None:
            return empty(204)
        return accepted(call, operation) if resource.kind is Kind.CLUSTER else empty(200)

    delete.__doc__ = f"Hide a {resource.called} at once and erase it; 204 there was none, 409 something stands below."
    provider_route(resource.facade, "DELETE", resource.place, SignedIn(), resource.versions)(delete)


def _declare_lists(resource: Resource) -> None:
    async def list_here(call: Call) -> Response:
        size, after = page_asked(call)

        def find(db: Transaction) -> Response:
            group = workspaces.get_group(db, call.actor, call.params["subscription"], call.params["group"])
            found = workspaces.list_in_group(
                db, call.actor, group, resource.kind, parent=_parent(db, call), after=after, limit=size + 1
            )
            return _answer(db, call, resource, found, size)

        return await call.services.database.read(find)

    list_here.__doc__ = f"Each {resource.called} here that the caller may see."
    provider_route(resource.facade, "GET", resource.collection, SignedIn(), resource.versions)(list_here)
    if FACTS[resource.kind].parent is not None:
        return

    async def list_in_subscription(call: Call) -> Response:
        size, after = page_asked(call)

        def find(db: Transaction) -> Response:
            wanted = call.params["subscription"]
            found = workspaces.list_in_subscription(db, call.actor, wanted, resource.kind, after=after, limit=size + 1)
            return _answer(db, call, resource, found, size)

        return await call.services.database.read(find)

    list_in_subscription.__doc__ = f"Each {resource.called} of a subscription that the caller may see."
    everywhere = f"{SUBSCRIPTION}/providers/{FACTS[resource.kind].type}"
    provider_route(resource.facade, "GET", everywhere, SignedIn(), resource.versions)(list_in_subscription)


for _resource in RESOURCES:
    _declare_get(_resource)
    _declare_put(_resource)
    _declare_patch(_resource)
    _declare_delete(_resource)
    _declare_lists(_resource)


async def list_keys(call: Call) -> Response:
    """What a cluster keeps secret."""

    def read(db: Transaction) -> Response:
        opened = workspaces.open_properties(db, workspaces.get_workspace(db, call.workspace))
        return reply(cluster_keys(opened.properties))

    return await call.services.database.read(read)


async def check_updates(call: Call) -> Response:
    """Whether the services of a cluster can be updated: Freehold runs none, so there is nothing to update."""
    return reply({"updatesAvailable": "No"})


provider_route(clusters, "POST", f"{CLUSTER.place}/listKeys", Within(Action.MANAGE), CLUSTERS)(list_keys)
provider_route(clusters, "POST", f"{CLUSTER.place}/checkSystemServicesUpdatesAvailable", Within(Action.READ), CLUSTERS)(
    check_updates
)


def _request(db: Transaction, call: Call) -> Operation | None:
    name = workspace_name(call.params)
    assert name is not None, "the path names one"
    found = workspaces.find_workspace(db, call.actor, name)
    if found is None:
        return None
    workspaces.refuse_nested(db, found.ref)
    days = call.services.settings.forget_days
    return request_erasure(db, call.services.engine, call.actor, found.ref, Scope.WORKSPACE, None, forget_days=days)


def _parent(db: Transaction, call: Call) -> int | None:
    """What a list is right below; None where nothing but a resource group is above. Raises NotFound."""
    name = workspace_name(call.params)
    return workspaces.get_named(db, call.actor, name).ref.workspace_id if name is not None else None


def _answer(db: Transaction, call: Call, resource: Resource, found: Sequence[WorkspaceView], size: int) -> Response:
    above = {view.parent: workspaces.ids_above(db, view.ref) for view in found}

    def out(call: Call, view: WorkspaceView) -> dict[str, object]:
        return resource_out(own_base(call), view, resource.shape, above[view.parent])

    return answer_page(call, list(found), size, out)


def _out(db: Transaction, call: Call, resource: Resource, found: WorkspaceView) -> dict[str, object]:
    return resource_out(own_base(call), found, resource.shape, workspaces.ids_above(db, found.ref))
