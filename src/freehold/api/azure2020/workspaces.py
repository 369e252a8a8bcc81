"""Workspaces as ARM resources: make, read, list, change; a DELETE erases for good."""

from starlette.responses import Response

from freehold.api.azure.containers import answer_page, page_asked
from freehold.api.azure.polling import accepted
from freehold.api.azure.reading import read_json
from freehold.api.azure2020.facade import arm_route
from freehold.api.azure2020.workspace_shapes import TYPE, WorkspaceIn, workspace_out
from freehold.api.entry import Call
from freehold.api.longrunning import settle
from freehold.api.replies import empty, reply
from freehold.api.routing import WORKSPACE, SignedIn, Within
from freehold.domain.access.actor import Action, WorkspaceName
from freehold.domain.access.kinds import Kind
from freehold.domain.workspaces import service as workspaces
from freehold.domain.workspaces.service import WorkspaceView
from freehold.kit.problems import PreconditionFailed
from freehold.lifecycle.erase import request_erasure
from freehold.operations.model import Operation, State
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_IN_SUBSCRIPTION = f"/subscriptions/{{subscription}}/providers/{TYPE}"
_IN_GROUP = f"/subscriptions/{{subscription}}/resourceGroups/{{group}}/providers/{TYPE}"


@arm_route("GET", WORKSPACE, Within(Action.READ))
async def get_workspace(call: Call) -> Response:
    """One workspace."""
    return reply(workspace_out(call, await _read(call)))


@arm_route("PUT", WORKSPACE, SignedIn())
async def put_workspace(call: Call) -> Response:
    """Make a workspace (201) or change it (200). Whoever makes one owns it."""
    wanted = (await read_json(call, WorkspaceIn)).wanted()

    def put(db: Transaction) -> tuple[WorkspaceView, bool]:
        name = _name(call)
        _check_preconditions(call, workspaces.find_workspace(db, call.actor, name))
        return workspaces.put_workspace(db, call.actor, name, wanted)

    made, is_new = await call.services.database.write(put)
    return reply(workspace_out(call, made), 201 if is_new else 200)


@arm_route("PATCH", WORKSPACE, Within(Action.READ))
async def change_workspace(call: Call) -> Response:
    """Change tags, sku, description, friendly name and the kept properties."""
    wanted = (await read_json(call, WorkspaceIn)).wanted()

    def change(db: Transaction) -> WorkspaceView:
        _check_preconditions(call, workspaces.get_workspace(db, call.workspace))
        return workspaces.change_workspace(db, call.actor, call.workspace, wanted)

    return reply(workspace_out(call, await call.services.database.write(change)))


@arm_route("DELETE", WORKSPACE, SignedIn())
async def delete_workspace(call: Call) -> Response:
    """Hide the workspace at once and erase it: 200 done, 202 under way, 204 there was none."""

    def request(db: Transaction) -> Operation | None:
        found = workspaces.find_workspace(db, call.actor, _name(call))
        if found is None:
            return None
        _check_preconditions(call, found)
        days = call.services.settings.forget_days
        return request_erasure(db, call.services.engine, call.actor, found.ref, Scope.WORKSPACE, None, forget_days=days)

    operation = await call.services.database.write(request)
    if operation is None:
        return empty(204)
    operation = await settle(call, operation)
    return empty() if operation.state is State.SUCCEEDED else accepted(call, operation)


@arm_route("GET", _IN_GROUP, SignedIn())
async def list_in_group(call: Call) -> Response:
    """The workspaces of a resource group that the caller may see."""
    size, after = page_asked(call)

    def find(db: Transaction) -> list[WorkspaceView]:
        group = workspaces.get_group(db, call.actor, call.params["subscription"], call.params["group"])
        return workspaces.list_in_group(db, call.actor, group, Kind.WORKSPACE, after=after, limit=size + 1)

    return answer_page(call, await call.services.database.read(find), size, workspace_out)


@arm_route("GET", _IN_SUBSCRIPTION, SignedIn())
async def list_in_subscription(call: Call) -> Response:
    """The workspaces of a subscription that the caller may see."""
    size, after = page_asked(call)
    wanted = call.params["subscription"]
    found = await call.services.database.read(
        lambda db: workspaces.list_in_subscription(db, call.actor, wanted, Kind.WORKSPACE, after=after, limit=size + 1)
    )
    return answer_page(call, found, size, workspace_out)


@arm_route("POST", f"{WORKSPACE}/listKeys", Within(Action.MANAGE))
async def list_keys(call: Call) -> Response:
    """No keys: bytes are reached by signed URLs, and there is no account beside the workspace."""
    return reply(
        {
            "userStorageKey": None,
            "userStorageResourceId": None,
            "appInsightsInstrumentationKey": None,
            "containerRegistryCredentials": None,
            "notebookAccessKeys": None,
        }
    )


@arm_route("POST", f"{WORKSPACE}/resyncKeys", Within(Action.MANAGE))
async def resync_keys(call: Call) -> Response:
    """There are no keys to bring in line."""
    return empty()


async def _read(call: Call) -> WorkspaceView:
    return await call.services.database.read(lambda db: workspaces.get_workspace(db, call.workspace))


def _name(call: Call) -> WorkspaceName:
    return WorkspaceName(call.params["subscription"], call.params["group"], (call.params["workspace"],))


def _check_preconditions(call: Call, standing: WorkspaceView | None) -> None:
    """Workspaces print no etag, so only `*` can match. Raises PreconditionFailed."""
    headers = call.request.headers
    if "if-match" in headers and (standing is None or headers["if-match"].strip() != "*"):
        raise PreconditionFailed("PreconditionFailed", "If-Match does not hold: workspaces have no etag, only `*`.")
    if headers.get("if-none-match", "").strip() == "*" and standing is not None:
        raise PreconditionFailed("PreconditionFailed", "If-None-Match does not hold: the workspace is there.")
