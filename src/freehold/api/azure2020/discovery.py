"""Service discovery: where the data plane of a workspace is. It is one server, so all of it is here.

The clients keep the answer for ever in their home folder, by this address. Source: azureml-core 1.61.0.
"""

from starlette.responses import Response

from freehold.api.addresses import own_base
from freehold.api.azure2020.facade import arm
from freehold.api.entry import Call
from freehold.api.replies import reply
from freehold.api.routing import Anonymous

_SERVICES = (
    "api",
    "catalog",
    "experimentation",
    "gallery",
    "history",
    "hyperdrive",
    "labeling",
    "modelmanagement",
    "pipelines",
    "studio",
    "studiocoreservices",
)
_PUBLIC = Anonymous(because="the SDK sends no token here; the answer is the same for every workspace, known or not")


async def discover(call: Call) -> Response:
    """The base address of each service: this server."""
    return reply(dict.fromkeys(_SERVICES, own_base(call)))


arm.route("GET", "/discovery", _PUBLIC)(discover)
arm.route("GET", "/discovery/workspaces/{id}", _PUBLIC)(discover)
