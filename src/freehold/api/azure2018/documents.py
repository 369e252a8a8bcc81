"""The documents of 2018's containers as exports write them to `rest/`: their own, and those of a hosting account.

What a project holds reads as in 2020.
"""

from freehold.api.azure.rest_documents import ContainerDocument, Documents, Noun
from freehold.api.azure2018.container_shapes import resource_out
from freehold.api.azure2018.containers import RESOURCES, Resource
from freehold.api.azure2018.hosting_shapes import image_out, manifest_out, model_out, service_out
from freehold.domain.access.kinds import Kind
from freehold.domain.images import service as images
from freehold.domain.manifests import service as manifests
from freehold.domain.models import service as models
from freehold.domain.services import service as services
from freehold.lifecycle.snapshot import RestWriter
from freehold.records.assets import Model
from freehold.records.serving import Image, Manifest, Service

_NOTHING_ABOVE = ("", "")
_OF_SERVER: dict[Kind, list[str]] = {
    Kind.EXPERIMENTATION_ACCOUNT: ["properties.discoveryUri"],
    Kind.EXPERIMENTATION_WORKSPACE: ["properties.accountId"],
    Kind.PROJECT: ["properties.accountId", "properties.workspaceId"],
    Kind.HOSTING_ACCOUNT: ["properties.modelManagementSwaggerLocation"],
    Kind.CLUSTER: [],
}


def _container(resource: Resource) -> ContainerDocument:
    name = f"{resource.kind.value.replace('_', '-')}s"
    shape, of_server = resource.shape, _OF_SERVER[resource.kind]
    return ContainerDocument(
        name, resource.kind, lambda found: resource_out("", found, shape, _NOTHING_ABOVE), of_server
    )


_ACCOUNTS = frozenset({Kind.HOSTING_ACCOUNT})
WRITERS: tuple[RestWriter, ...] = (
    *map(_container, RESOURCES),
    Documents(Noun("hosting-models", Model, _ACCOUNTS), models.views_of, lambda _, found: model_out(found)),
    Documents(Noun("manifests", Manifest, frozenset(Kind)), manifests.views_of, lambda _, found: manifest_out(found)),
    Documents(Noun("hosting-images", Image, _ACCOUNTS), images.views_of, lambda _, found: image_out(found)),
    Documents(Noun("hosting-services", Service, _ACCOUNTS), services.views_of, lambda _, found: service_out(found)),
)
