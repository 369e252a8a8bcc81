"""DELETE of pipeline objects, one by one. Azure has no such calls; here everything that is kept can be erased.

What was made of an object stays: runs of a deleted pipeline keep their graph, and no longer name it.
"""

from starlette.responses import Response

from freehold.api.azure.deleting import Roots, delete_document
from freehold.api.azure2020.pipeline_routes import pipeline_route
from freehold.api.entry import Call
from freehold.domain.access.actor import Action
from freehold.domain.pipelines import modules, objects, rules
from freehold.records.rules import Scope
from freehold.storage.transaction import Transaction

NOUNS = {
    "/Pipelines": rules.PIPELINE,
    "/Templates": rules.TEMPLATE,
    "/PublishedPipelines": rules.TEMPLATE,
    "/Modules": rules.MODULE,
    "/AzureMLModuleVersions": rules.MODULE,
    "/AzureMLModules": rules.NAMED_MODULE,
    "/DataSources": rules.DATA_SOURCE,
    "/DataTypes": rules.DATA_TYPE,
    "/Schedules": rules.SCHEDULE,
    "/PipelineEndpoints": rules.ENDPOINT,
}


def _declare(noun: str, kind: str) -> None:
    @pipeline_route("DELETE", f"{noun}/{{id}}", Action.DELETE)
    async def delete_object(call: Call) -> Response:
        """Delete a pipeline object: 200 done, 204 there was none. A named module goes with its versions."""
        return await delete_document(call, lambda db: _roots(db, call, kind))


def _roots(db: Transaction, call: Call, kind: str) -> Roots:
    found = objects.find(db, call.workspace, kind, call.params["id"])
    if found is None:
        return []
    versions = modules.versions_of(db, call.workspace, found) if kind == rules.NAMED_MODULE else []
    return [(Scope.PIPELINE_OBJECT, each.row_id) for each in (found, *versions)]


for _noun, _kind in NOUNS.items():
    _declare(_noun, _kind)
