"""Secrets that documents need: storage keys, SAS tokens, client secrets, service keys. Apart from the documents."""

from collections.abc import Iterator

from sqlalchemy import Index, UniqueConstraint

from freehold.records.catalogue import Record
from freehold.records.columns import key, link, moment, plain, sealed, secret, text, workspace
from freehold.records.rules import (
    KEPT_UNTIL_ERASED,
    Container,
    LinkKind,
    Removed,
    Rules,
    Withheld,
    Writes,
)


class SealedSecret(
    Record,
    table="sealed_secrets",
    rules=Rules(
        Container.WORKSPACE,
        Withheld(because="secrets never leave in an export: whoever held the bag would hold what they open"),
        Removed(),
        Writes.GROWING,
        KEPT_UNTIL_ERASED,
    ),
):
    """A secret field of the one document that it hangs on; of the workspace itself where all links are null."""

    row_id = key()
    workspace_id = workspace()
    model_row = link("models", LinkKind.DEEP, null=True, index=True)
    manifest_row = link("manifests", LinkKind.DEEP, null=True, index=True)
    image_row = link("images", LinkKind.DEEP, null=True, index=True)
    service_row = link("services", LinkKind.DEEP, null=True, index=True)
    compute_row = link("computes", LinkKind.DEEP, null=True, index=True)
    datastore_row = link("datastores", LinkKind.DEEP, null=True, index=True)
    dataset_row = link("datasets", LinkKind.DEEP, null=True, index=True)
    dataset_definition_row = link("dataset_definitions", LinkKind.DEEP, null=True, index=True)
    pipeline_object_row = link("pipeline_objects", LinkKind.DEEP, null=True, index=True)
    pipeline_graph_row = link("pipeline_graphs", LinkKind.DEEP, null=True, index=True)
    pipeline_draft_row = link("pipeline_drafts", LinkKind.DEEP, null=True, index=True)
    name = text(plain())
    value = sealed(secret(because="it opens an account, a machine or a service"))
    created_at = moment()
    updated_at = moment()

    @classmethod
    def constraints(cls) -> Iterator[UniqueConstraint | Index]:
        yield Index(None, "workspace_id", "name")
