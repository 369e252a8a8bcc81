"""Reports: who builds images and runs services elsewhere tells here how they are. Nothing else moves their states."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.freehold.facade import container_route
from freehold.api.replies import reply
from freehold.domain.access.actor import Action
from freehold.domain.computes import service as computes
from freehold.domain.images import service as images
from freehold.domain.services import service as services

State = Annotated[str, Meta(min_length=1, max_length=40)]
Address = Annotated[str, Meta(max_length=2_000)]


class ImageReportIn(msgspec.Struct, forbid_unknown_fields=True):
    """`state`: NotStarted, Running, Succeeded, Failed, Cancelled or TimedOut. `location`: where the image lies."""

    state: State
    location: Address | None = None
    error: dict[str, Any] | None = None


class ServiceReportIn(msgspec.Struct, forbid_unknown_fields=True):
    """`state`: Transitioning, Healthy, Unhealthy, Failed or Unschedulable."""

    state: State
    scoring_uri: Address | None = None
    error: dict[str, Any] | None = None


class ComputeReportIn(msgspec.Struct, forbid_unknown_fields=True):
    """`state`: Unknown, Creating, Updating, Deleting, Succeeded, Failed or Canceled. `nodes`: how many of each kind."""

    state: State
    properties: dict[str, Any] | None = None
    nodes: list[dict[str, Any]] | None = None
    errors: list[dict[str, Any]] | None = None


class ReportedOut(msgspec.Struct):
    name: str
    state: str


@container_route("POST", "/images/{image}/reports", Action.WRITE, body=ImageReportIn, answer=ReportedOut)
async def report_image(call: Call) -> Response:
    """Tell what became of the build of an image."""
    body = await call.body(ImageReportIn)
    report = images.Report(body.state, body.location, body.error)
    found = await call.services.database.write(
        lambda db: images.report_image(db, call.workspace, call.params["image"], report)
    )
    return reply(ReportedOut(found.versioned_name, found.state))


@container_route("POST", "/services/{service}/reports", Action.WRITE, body=ServiceReportIn, answer=ReportedOut)
async def report_service(call: Call) -> Response:
    """Tell how a service is. Whoever made it is notified when it is not well."""
    body = await call.body(ServiceReportIn)
    report = services.Report(body.state, body.scoring_uri, body.error)
    found = await call.services.database.write(
        lambda db: services.report_service(db, call.workspace, call.params["service"], report)
    )
    return reply(ReportedOut(found.name, found.state))


@container_route("POST", "/computes/{compute}/reports", Action.WRITE, body=ComputeReportIn, answer=ReportedOut)
async def report_compute(call: Call) -> Response:
    """Tell how a compute is."""
    body = await call.body(ComputeReportIn)
    report = computes.Report(body.state, body.properties, body.nodes, body.errors)
    found = await call.services.database.write(
        lambda db: computes.report_compute(db, call.workspace, call.params["compute"], report)
    )
    return reply(ReportedOut(found.name, found.state))
