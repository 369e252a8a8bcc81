"""Subscriptions, resource groups and the generic list of resources. Every SDK call of ARM begins here."""

import re
from typing import Any

from starlette.responses import Response

from freehold.api.azure.containers import answer_page
from freehold.api.azure.reading import read_json
from freehold.api.azure.versions import PROVIDER, RESOURCES
from freehold.api.azure.wire import Wire
from freehold.api.azure2020.facade import arm_route
from freehold.api.azure2020.workspace_shapes import TYPE, resource_out
from freehold.api.entry import Call
from freehold.api.paging import page_size, take_token
from freehold.api.replies import empty, reply
from freehold.api.routing import SignedIn
from freehold.domain.access.kinds import Kind
from freehold.domain.workspaces import service as workspaces
from freehold.domain.workspaces.service import GroupView, SubscriptionView
from freehold.kit.problems import Invalid, NotFound

_SUBSCRIPTION = "/subscriptions/{subscription}"
_NAMESPACE = "Microsoft.MachineLearningServices"
_OF_TYPE = re.compile(r"\s*resourceType\s+eq\s+'([^']*)'\s*", re.IGNORECASE)
_PART_OF_NAME = re.compile(r"\s*substringof\s*\(\s*'[^']*'\s*,\s*name\s*\)\s*", re.IGNORECASE)


class GroupIn(Wire):
    location: str | None = None


@arm_route("GET", "/subscriptions", SignedIn(), RESOURCES)
async def list_subscriptions(call: Call) -> Response:
    """The subscriptions that the caller may see."""
    found = await call.services.database.read(lambda db: workspaces.list_subscriptions(db, call.actor))
    return reply({"value": [_subscription(call, each) for each in found]})


@arm_route("GET", _SUBSCRIPTION, SignedIn(), RESOURCES)
async def get_subscription(call: Call) -> Response:
    """One subscription."""
    wanted = call.params["subscription"]
    found = await call.services.database.read(lambda db: workspaces.get_subscription(db, call.actor, wanted))
    return reply(_subscription(call, found))


@arm_route("GET", f"{_SUBSCRIPTION}/resourceGroups", SignedIn(), RESOURCES)
async def list_groups(call: Call) -> Response:
    """The resource groups of a subscription that the caller may see."""
    wanted = call.params["subscription"]
    found = await call.services.database.read(lambda db: workspaces.list_groups(db, call.actor, wanted))
    return reply({"value": [_group(each) for each in found]})


@arm_route("GET", f"{_SUBSCRIPTION}/resourceGroups/{{group}}", SignedIn(), RESOURCES)
async def get_group(call: Call) -> Response:
    """One resource group."""
    return reply(_group(await _find_group(call)))


@arm_route("PUT", f"{_SUBSCRIPTION}/resourceGroups/{{group}}", SignedIn(), RESOURCES)
async def put_group(call: Call) -> Response:
    """Make a resource group (201), or find it standing (200)."""
    location = (await read_json(call, GroupIn)).location or ""
    subscription, name = call.params["subscription"], call.params["group"]
    found, is_new = await call.services.database.write(
        lambda db: workspaces.put_group(db, call.actor, subscription, name, location)
    )
    return reply(_group(found), 201 if is_new else 200)


@arm_route("HEAD", f"{_SUBSCRIPTION}/resourceGroups/{{group}}", SignedIn(), RESOURCES)
async def has_group(call: Call) -> Response:
    """204 when the resource group is there, else 404."""
    await _find_group(call)
    return empty(204)


@arm_route("GET", f"{_SUBSCRIPTION}/resources", SignedIn(), RESOURCES)
async def list_resources(call: Call) -> Response:
    """All resources of a subscription. They are workspaces; a filter for another type finds none."""
    size = page_size(call.query.get("$top"))
    place = take_token(call, call.query.get("$skiptoken"))
    wanted, after = call.params["subscription"], place[0] if place else 0
    found = await call.services.database.read(
        lambda db: workspaces.list_in_subscription(db, call.actor, wanted, Kind.WORKSPACE, after=after, limit=size + 1)
    )
    if not _asks_for_workspaces(call.query.get("$filter", "")):
        return reply({"value": []})
    return answer_page(call, found, size, resource_out)


@arm_route("GET", f"{_SUBSCRIPTION}/providers/{{namespace}}", SignedIn(), RESOURCES | PROVIDER)
async def get_provider(call: Call) -> Response:
    """The resource provider: what types it has, in which locations and versions."""
    wanted, namespace = call.params["subscription"], call.params["namespace"]
    if namespace.lower() != _NAMESPACE.lower():
        raise NotFound("InvalidResourceNamespace", f"The only resource provider here is {_NAMESPACE}.")
    groups = await call.services.database.read(lambda db: workspaces.list_groups(db, call.actor, wanted))
    kind = {
        "resourceType": "workspaces",
        "locations": sorted({group.location for group in groups}),
        "apiVersions": sorted(PROVIDER, reverse=True),
    }
    document = {"namespace": _NAMESPACE, "registrationState": "Registered", "resourceTypes": [kind]}
    return reply({"id": f"/subscriptions/{wanted.lower()}/providers/{_NAMESPACE}", **document})


async def _find_group(call: Call) -> GroupView:
    subscription, name = call.params["subscription"], call.params["group"]
    return await call.services.database.read(lambda db: workspaces.get_group(db, call.actor, subscription, name))


def _asks_for_workspaces(filter_: str) -> bool:
    """The two filters that clients send: by type, and by a part of the name (of storage and the like)."""
    if not filter_.strip():
        return True
    by_type = _OF_TYPE.fullmatch(filter_)
    if by_type:
        return by_type[1].lower() == TYPE.lower()
    if _PART_OF_NAME.match(filter_):
        return False
    raise Invalid("InvalidFilterInQueryString", f"The filter here is: resourceType eq '{TYPE}'.", target="$filter")


def _subscription(call: Call, found: SubscriptionView) -> dict[str, Any]:
    return {
        "id": f"/subscriptions/{found.subscription_id}",
        "subscriptionId": found.subscription_id,
        "tenantId": call.services.tokens.issuer.authority.tenant_id,
        "displayName": found.display_name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "subscriptionPolicies": {"locationPlacementId": "Internal", "quotaId": "Internal", "spendingLimit": "Off"},
    }


def _group(found: GroupView) -> dict[str, Any]:
    return {
        "id": found.path,
        "name": found.name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": found.location,
        "tags": {},
        "properties": {"provisioningState": "Succeeded"},
    }
