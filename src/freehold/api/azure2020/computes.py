"""Computes as ARM resources: calls 12, 13, 59 and 60, and those that make, change and delete one.

The SDK reads them by another address than it writes them: `/rp/workspaces…`. Source: azureml-core 1.61.0.
"""

from starlette.responses import Response

from freehold.api.azure.deleting import begin_deletion
from freehold.api.azure.listing import Asked, answer_page
from freehold.api.azure.polling import COMPUTES, accepted, status_header
from freehold.api.azure.reading import read_json
from freehold.api.azure.versions import api_version
from freehold.api.azure2020.compute_shapes import ComputeIn, compute_out, keys_out, nodes_out
from freehold.api.azure2020.facade import arm_route
from freehold.api.entry import Call
from freehold.api.replies import empty, reply
from freehold.api.routing import WORKSPACE, Endpoint, Within
from freehold.domain.access.actor import Action
from freehold.domain.computes import service as computes
from freehold.domain.computes.rules import check_type
from freehold.domain.computes.service import ComputeView
from freehold.domain.workspaces.service import allow_making
from freehold.kit.problems import Invalid, NotImplementedHere
from freehold.lifecycle.selection import Target
from freehold.lifecycle.targets import name_targets
from freehold.operations.model import Operation
from freehold.operations.service import note_operation
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_COMPUTES = f"{WORKSPACE}/computes"
_COMPUTE = f"{_COMPUTES}/{{compute}}"
_ACTION = "underlyingResourceAction"
_FIRST_WITH_ACTION = "2019-11-01"
"""From this api-version on a DELETE must say what becomes of what lies below; Freehold touches it in no case."""


@arm_route("GET", _COMPUTES, Within(Action.READ))
@arm_route("GET", f"/rp/workspaces{_COMPUTES}", Within(Action.READ))
async def list_computes(call: Call) -> Response:
    """The computes of a workspace, in pages; `compute-type` selects a type."""
    asked = Asked(call)
    paging = asked.paging()
    wanted = asked.text("compute-type")
    compute_type = check_type(wanted) if wanted is not None else None
    found = await call.services.database.read(
        lambda db: computes.list_computes(db, call.workspace, paging, compute_type)
    )
    return answer_page(call, asked, [compute_out(call.workspace, each) for each in found.computes], found.next_place)


@arm_route("GET", _COMPUTE, Within(Action.READ))
@arm_route("GET", f"/rp/workspaces{_COMPUTE}", Within(Action.READ))
async def get_compute(call: Call) -> Response:
    """One compute."""
    return reply(compute_out(call.workspace, await call.services.database.read(lambda db: _get(db, call))))


@arm_route("PUT", _COMPUTE, Within(Action.READ))
async def put_compute(call: Call) -> Response:
    """Register a compute (201) or write it anew (200), with the operation that clients wait for."""
    new = (await read_json(call, ComputeIn)).new(call.params["compute"])

    def put(db: Transaction) -> tuple[ComputeView, bool, Operation]:
        allow_making(db, call.actor, call.workspace)
        found, is_new = computes.put_compute(db, call.actor, call.workspace, new)
        target_id = name_targets(db, [Target(Scope.COMPUTE, call.workspace.workspace_id, (found.row_id,))])
        noted = note_operation(
            db,
            kind="register",
            target_id=target_id,
            scope=Scope.COMPUTE.value,
            requested_by=call.actor.person_row,
        )
        return found, is_new, noted

    found, is_new, operation = await call.services.database.write(put)
    return reply(compute_out(call.workspace, found), 201 if is_new else 200, status_header(call, operation, COMPUTES))


@arm_route("PATCH", _COMPUTE, Within(Action.READ))
async def change_compute(call: Call) -> Response:
    """Change a compute's scale settings, tags or description."""
    document = (await read_json(call, ComputeIn)).document()

    def change(db: Transaction) -> ComputeView:
        allow_making(db, call.actor, call.workspace)
        return computes.change_compute(db, call.workspace, call.params["compute"], document)

    return reply(compute_out(call.workspace, await call.services.database.write(change)))


@arm_route("DELETE", _COMPUTE, Within(Action.READ))
async def delete_compute(call: Call) -> Response:
    """Delete the document of a compute: 202 under way, 204 there was none. What it points to is not touched."""
    _check_action(call)

    def find(db: Transaction) -> list[tuple[Scope, int]]:
        allow_making(db, call.actor, call.workspace)
        found = computes.find_compute(db, call.workspace, call.params["compute"])
        return [(Scope.COMPUTE, found.row_id)] if found else []

    operation = await begin_deletion(call, find)
    return accepted(call, operation, COMPUTES) if operation is not None else empty(204)


@arm_route("POST", f"{_COMPUTE}/listKeys", Within(Action.MANAGE))
async def list_keys(call: Call) -> Response:
    """What a compute keeps secret: by its type."""

    def read(db: Transaction) -> Response:
        opened = computes.keys_of(db, call.workspace, call.params["compute"])
        return reply(keys_out(_get(db, call), opened))

    return await call.services.database.read(read)


@arm_route("POST", f"{_COMPUTE}/listNodes", Within(Action.READ))
async def list_nodes(call: Call) -> Response:
    """The nodes that were reported of a compute."""
    return reply(nodes_out(await call.services.database.read(lambda db: _get(db, call))))


def _refusal(verb: str) -> Endpoint:
    async def refuse(call: Call) -> Response:
        await call.services.database.read(lambda db: _get(db, call))
        message = f"Freehold runs no compute and cannot {verb} one: do it where the compute runs, and report its state."
        raise NotImplementedHere("NotImplemented", message)

    refuse.__doc__ = f"501: Freehold runs no compute, so it cannot {verb} one."
    refuse.__name__ = f"{verb}_compute"
    return refuse


for _verb in ("start", "stop", "restart"):
    arm_route("POST", f"{_COMPUTE}/{_verb}", Within(Action.WRITE))(_refusal(_verb))


def _get(db: Transaction, call: Call) -> ComputeView:
    return computes.get_compute(db, call.workspace, call.params["compute"])


def _check_action(call: Call) -> None:
    """Raises Invalid."""
    given = {key.lower(): value.lower() for key, value in call.query.items()}.get(_ACTION.lower())
    is_needed = api_version(call) >= _FIRST_WITH_ACTION
    if given not in ({"delete", "detach"} if is_needed else {None, "delete", "detach"}):
        message = f"{_ACTION} is Delete or Detach. Either way what the compute points to is not touched."
        raise Invalid("InvalidParameter", message, target=_ACTION)
