"""The retention policy of a workspace: what it says, what it would erase now, setting and clearing it."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import container_route
from freehold.api.freehold.shapes import PlanOut
from freehold.api.paging import give_token, take_token
from freehold.api.replies import empty, reply
from freehold.domain.access.actor import Action
from freehold.domain.clock.rules import is_believed
from freehold.domain.retention import service
from freehold.domain.retention.rules import Policy, Verdict
from freehold.domain.retention.service import PolicyView
from freehold.kit.clock import to_iso
from freehold.kit.numbers import whole_number
from freehold.kit.problems import Invalid
from freehold.lifecycle import policies
from freehold.lifecycle.gathering import MOST_ROOTS
from freehold.lifecycle.policies import Judged, Preview
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

_EXEMPT = tuple(verdict for verdict in Verdict if verdict is not Verdict.DUE)
_NAMES = {verdict: verdict.name.lower() for verdict in Verdict}


class PolicyOut(msgspec.Struct):
    """`clock_believed` false: the clock may have jumped, and nothing is erased until it has gone on evenly for a day.
    `operation_id`: the last erasure by this policy."""

    version: int
    policy: Policy
    set_at: str
    next_look_at: str
    clock_believed: bool
    operation_id: str | None


class PreviewIn(msgspec.Struct, forbid_unknown_fields=True):
    """`policy`: one that is not set yet; left out, the one in force. `show`: what is due, or what is spared and why.
    `after`: the `next` of the page before."""

    policy: Policy | None = None
    show: Literal["due", "spared"] = "due"
    limit: Annotated[int, Meta(ge=1, le=MOST_ROOTS)] = 100
    after: Annotated[str, Meta(max_length=2_000)] | None = None


class JudgedOut(msgspec.Struct):
    """`verdict`: due, held, tagged, registered, unfinished or waiting. `deleted_at`: set aside since."""

    scope: Scope
    id: str
    name: str
    experiment: str
    created_at: str
    deleted_at: str | None
    verdict: str
    because: str


class PreviewOut(msgspec.Struct):
    """`counts`: of everything, by verdict. `plan`: of what is due on this page; the sum of all pages is the whole."""

    as_of: str
    counts: dict[str, int]
    value: list[JudgedOut]
    plan: PlanOut
    next: str | None


@container_route("GET", "/retention", Action.READ, answer=PolicyOut)
async def show(call: Call) -> Response:
    """The retention policy in force; its version is the ETag."""
    return _answer(await call.services.database.read(lambda db: service.get_policy(db, call.actor, call.workspace)))


@container_route("PUT", "/retention", Action.MANAGE, body=Policy, answer=PolicyOut)
async def put(call: Call) -> Response:
    """Set the whole policy; what is due by it is erased soon after. `If-Match` names the version that it replaces."""
    policy, version = await call.body(Policy), _version(call)
    made = await call.services.database.write(
        lambda db: service.set_policy(db, call.actor, call.workspace, policy, version=version)
    )
    return _answer(made)


@container_route("DELETE", "/retention", Action.MANAGE, status=204)
async def clear(call: Call) -> Response:
    """Clear the policy: from now on nothing is erased by itself. What was erased stays erased."""
    version = _version(call)
    await call.services.database.write(lambda db: service.clear_policy(db, call.actor, call.workspace, version=version))
    return empty(204)


@container_route("POST", "/retention/preview", Action.READ, body=PreviewIn, answer=PreviewOut)
async def preview(call: Call) -> Response:
    """What a policy would erase now, how much that is, what is spared and why. Nothing is changed."""
    wanted = await call.body(PreviewIn)
    question = (wanted.show, msgspec.json.encode(wanted.policy).decode())
    after = take_token(call, wanted.after, *question)
    verdicts = (Verdict.DUE,) if wanted.show == "due" else _EXEMPT

    def look(db: Transaction) -> Preview:
        policy = wanted.policy or service.get_policy(db, call.actor, call.workspace).policy
        return policies.preview(
            db, call.actor, call.workspace, policy, verdicts=verdicts, after=after, limit=wanted.limit
        )

    found = await call.services.database.read(look)
    document = {
        "as_of": to_iso(found.as_of),
        "counts": {_NAMES[verdict]: number for verdict, number in found.counts.items()},
        "value": [_judged(each) for each in found.page],
        "plan": found.plan.as_document(),
        "next": give_token(call, found.next_place, *question),
    }
    return reply(document)


def _judged(found: Judged) -> JudgedOut:
    return JudgedOut(
        found.scope,
        found.root_id,
        found.name,
        found.experiment,
        to_iso(found.created_at),
        to_iso(found.deleted_at) if found.deleted_at is not None else None,
        _NAMES[found.verdict],
        found.because,
    )


def _answer(found: PolicyView) -> Response:
    shown = PolicyOut(
        found.version,
        found.policy,
        to_iso(found.created_at),
        to_iso(found.next_at),
        is_believed(found.looks),
        found.operation_id,
    )
    return reply(shown, headers={"ETag": f'"{found.version}"'})


def _version(call: Call) -> int | None:
    wanted = call.request.headers.get("if-match", "*").strip()
    if wanted == "*":
        return None
    version = whole_number(wanted.strip('"'), most_digits=15)
    if version is None:
        raise Invalid("InvalidIfMatch", 'If-Match names a version of the policy, such as "3".', target="If-Match")
    return version
