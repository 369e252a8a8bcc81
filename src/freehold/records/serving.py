"""What serves models: manifests say what goes into an image, images are built, services run them."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import (
    flag,
    integer,
    json,
    key,
    link,
    moment,
    plain,
    standing_unique,
    text,
    workspace,
)
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rows,
    Rules,
    Scope,
    Writes,
    alone,
)

_MANIFEST = Rules(Container.WORKSPACE, Rows(alone(Scope.MANIFEST)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)
_IMAGE = Rules(Container.WORKSPACE, Rows(alone(Scope.IMAGE)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)
_SERVICE = Rules(Container.WORKSPACE, Rows(alone(Scope.SERVICE)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class Manifest(Record, table="manifests", rules=_MANIFEST):
    """What goes into an image, as 2018 knew it. `document`: driver program, assets, target runtime …."""

    row_id = key()
    workspace_id = workspace()
    manifest_id = text(plain())
    name = text(plain())
    version = integer()
    document = json(plain())
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("manifest_id", "workspace_id")
        yield UniqueConstraint("workspace_id", "name", "version")
        yield Index(None, "workspace_id", "created_at")


class ManifestModel(Record, table="manifest_models", rules=_MANIFEST):
    """A model in a manifest: it cannot be erased while the manifest stands."""

    row_id = key()
    workspace_id = workspace()
    manifest_row = link("manifests", LinkKind.DEEP, index=True)
    model_row = link("models", LinkKind.RESTRICT, index=True)


class Image(Record, table="images", rules=_IMAGE):
    """A container image for models; Freehold builds none. `state` moves by reports (`domain/images/rules.py`).

    `is_auto_deleted`: it was made for a service, and goes with the last one that runs it.
    """

    row_id = key()
    workspace_id = workspace()
    image_id = text(plain())
    name = text(plain())
    version = integer()
    state = text(plain())
    location = text(plain(), null=True, address=True)
    is_auto_deleted = flag()
    document = json(plain())
    manifest_row = link("manifests", LinkKind.RESTRICT, null=True, index=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("image_id", "workspace_id")
        yield UniqueConstraint("workspace_id", "name", "version")
        yield Index(None, "workspace_id", "created_at")
        yield Index(None, "workspace_id", "updated_at")


class ImageModel(Record, table="image_models", rules=_IMAGE):
    """A model in an image: it cannot be erased while the image stands."""

    row_id = key()
    workspace_id = workspace()
    image_row = link("images", LinkKind.DEEP, index=True)
    model_row = link("models", LinkKind.RESTRICT, index=True)


class Service(Record, table="services", rules=_SERVICE):
    """A deployed image; Freehold runs none. `state` moves by reports and probes (`domain/services/rules.py`)."""

    row_id = key()
    workspace_id = workspace()
    service_id = text(plain())
    name = text(plain())
    compute_type = text(plain())
    state = text(plain())
    is_probed = flag()
    scoring_uri = text(plain(), null=True, address=True)
    document = json(plain())
    image_row = link("images", LinkKind.RESTRICT, null=True, index=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("service_id", "workspace_id")
        yield standing_unique("workspace_id", "name")
        yield Index(None, "workspace_id", "created_at")
        yield Index(None, "workspace_id", "updated_at")


class ServiceModel(Record, table="service_models", rules=_SERVICE):
    """A model that a service runs without an image of its own: it cannot be erased while the service stands."""

    row_id = key()
    workspace_id = workspace()
    service_row = link("services", LinkKind.DEEP, index=True)
    model_row = link("models", LinkKind.RESTRICT, index=True)
