"""The operations that registering an image or a service answers with."""

from starlette.responses import Response

from freehold.api.azure.registrations import OperationOut, read_registration
from freehold.api.azure2020.facade import model_management_route
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.domain.access.actor import Action


@model_management_route("GET", "/operations/{operation}", Action.READ, answer=OperationOut)
async def read_operation(call: Call) -> Response:
    """One operation, and where what it made is."""
    return reply(await read_registration(call))
