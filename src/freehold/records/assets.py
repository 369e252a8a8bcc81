"""Registered content: assets, the models that point to them, and the labels that documents carry."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import blob, integer, json, key, link, moment, plain, text, workspace
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rows,
    Rules,
    Scope,
    Withheld,
    Writes,
    alone,
)

_WITH_ASSETS = Rows(alone(Scope.ASSET, Scope.MODEL))
_ASSET = Rules(Container.WORKSPACE, _WITH_ASSETS, Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)
_MODEL = Rules(Container.WORKSPACE, Rows(alone(Scope.MODEL)), Removed(), Writes.GROWING, KEPT_UNTIL_ERASED)


class Asset(Record, table="assets", rules=_ASSET):
    """A named bundle of artifacts. `document` has what only clients read: the artifacts as they were named, `meta`.

    `run_row`: the run it was made of; the asset keeps its files when that run is erased.
    """

    row_id = key()
    workspace_id = workspace()
    asset_id = text(plain())
    name = text(plain())
    document = json(plain())
    run_row = link("runs", LinkKind.SHALLOW, null=True, index=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("asset_id", "workspace_id")
        yield Index(None, "workspace_id", "created_at")
        yield Index(None, "workspace_id", "name")


class AssetFile(Record, table="asset_files", rules=_ASSET):
    """A file of an asset, by its path there. Its bytes are counted, so they outlive the artifact they came from."""

    row_id = key()
    workspace_id = workspace()
    asset_row = link("assets", LinkKind.DEEP)
    object_row = link("stored_objects", LinkKind.REFCOUNT, index=True)
    path = text(plain())
    content_type = text(plain(), null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("asset_row", "path", "workspace_id")


class Model(Record, table="models", rules=_MODEL):
    """A registered, versioned model. `asset_row` holds its content, which goes with the last model that points to it.

    `document`: what clients wrote and only they read (framework, mime type, datasets, samples, address …).
    """

    row_id = key()
    workspace_id = workspace()
    model_id = text(plain())
    name = text(plain())
    version = integer()
    document = json(plain())
    asset_row = link("assets", LinkKind.REFCOUNT, null=True, index=True)
    parent_row = link("models", LinkKind.SHALLOW, null=True, index=True, named_back=True)
    run_row = link("runs", LinkKind.SHALLOW, null=True, index=True)
    created_by = link("members", LinkKind.DECORRELATE, null=True, index=True)
    created_at = moment()
    updated_at = moment()
    hidden_at = moment(null=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("model_id", "workspace_id")
        yield UniqueConstraint("workspace_id", "name", "version")
        yield Index(None, "workspace_id", "created_at")
        yield Index(None, "workspace_id", "updated_at")


class VersionCounter(
    Record,
    table="version_counters",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(
            because="keyed digests mean nothing without this server's key; an import counts on from what it brings"
        ),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """The next version of a name. It goes on when all versions are erased, so the name is kept as a keyed digest."""

    row_id = key()
    workspace_id = workspace()
    digest = blob(plain())
    next_version = integer()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield UniqueConstraint("workspace_id", "digest")


class Label(
    Record,
    table="labels",
    rules=Rules(
        Container.WORKSPACE,
        Rows(
            alone(
                Scope.ASSET,
                Scope.MODEL,
                Scope.MANIFEST,
                Scope.IMAGE,
                Scope.SERVICE,
                Scope.DATASET,
                Scope.DATASTORE,
                Scope.COMPUTE,
            )
        ),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A tag (`kind` tag) or a property of the one document that it hangs on."""

    row_id = key()
    workspace_id = workspace()
    asset_row = link("assets", LinkKind.DEEP, null=True, index=True)
    model_row = link("models", LinkKind.DEEP, null=True, index=True)
    manifest_row = link("manifests", LinkKind.DEEP, null=True, index=True)
    image_row = link("images", LinkKind.DEEP, null=True, index=True)
    service_row = link("services", LinkKind.DEEP, null=True, index=True)
    compute_row = link("computes", LinkKind.DEEP, null=True, index=True)
    datastore_row = link("datastores", LinkKind.DEEP, null=True, index=True)
    dataset_row = link("datasets", LinkKind.DEEP, null=True, index=True)
    kind = text(plain())
    key = text(plain())
    value = text(plain(), address=True)

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield Index(None, "workspace_id", "kind", "key", "value")
