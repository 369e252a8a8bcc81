"""MLflow's logged models. There is no registry of them here yet, and none is found."""

from starlette.responses import Response

from freehold.api.entry import Call
from freehold.api.mlflow.door import EMPTY, route
from freehold.domain.access.actor import Action


@route("POST", "/mlflow/logged-models/search", Action.READ)
async def search(call: Call) -> Response:
    """Logged models of experiments: none. Clients ask this before they list a run's artifact folder."""
    return EMPTY
