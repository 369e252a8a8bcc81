"""Is it alive, is it ready, how is it doing."""

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.errors import freehold_envelope
from freehold.api.replies import reply
from freehold.api.routing import Anonymous, Facade, SignedIn

health = Facade("health", freehold_envelope)


@health.route("GET", "/healthz", Anonymous(because="a supervisor asks without a token whether the process lives"))
async def healthz(call: Call) -> Response:
    """The process answers."""
    return reply({"status": "ok"})


@health.route("GET", "/readyz", Anonymous(because="a load balancer asks without a token"))
async def readyz(call: Call) -> Response:
    """Every part is ready to serve. `stores`: what a cloud's store keeps of what is removed (plain, versioned …).
    `warnings`: what an operator should look at, though clients are served."""
    parts = call.services.ready
    is_ready = bool(parts) and all(parts.values())
    fault = call.services.log.closed
    warnings = [f"{fault.code}: {fault.message}"] if fault else []
    state = {"status": "ready" if is_ready else "starting", "parts": parts}
    said = {**state, "stores": call.services.keeps, "warnings": warnings}
    return reply(said, 200 if is_ready else 503)


@health.route("GET", "/metrics", SignedIn())
async def metrics(call: Call) -> Response:
    """Counts and latencies by route template, in Prometheus' text form."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
