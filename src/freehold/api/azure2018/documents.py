"""The documents of a hosting account as an export of it writes them to `rest/`. A project's are those of 2020."""

from freehold.api.azure.rest_documents import Documents, Noun
from freehold.api.azure2018.hosting_shapes import image_out, manifest_out, model_out, service_out
from freehold.domain.access.kinds import Kind
from freehold.domain.images import service as images
from freehold.domain.manifests import service as manifests
from freehold.domain.models import service as models
from freehold.domain.services import service as services
from freehold.records.assets import Model
from freehold.records.serving import Image, Manifest, Service

_ACCOUNTS = frozenset({Kind.HOSTING_ACCOUNT})
WRITERS = (
    Documents(Noun("hosting-models", Model, _ACCOUNTS), models.views_of, lambda _, found: model_out(found)),
    Documents(Noun("manifests", Manifest, frozenset(Kind)), manifests.views_of, lambda _, found: manifest_out(found)),
    Documents(Noun("hosting-images", Image, _ACCOUNTS), images.views_of, lambda _, found: image_out(found)),
    Documents(Noun("hosting-services", Service, _ACCOUNTS), services.views_of, lambda _, found: service_out(found)),
)
